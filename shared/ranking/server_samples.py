"""The samples of a bank whose vectors lie on the bank server: the same answers as from its files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from shared.bank.bank import Bank
from shared.bank.server.connection import BankServer, driver, explained
from shared.bank.server.query import Nearest, nearest, parts
from shared.bank.server.tables import TableNote, name_of, noted, require
from shared.core.errors import Unavailable
from shared.ranking.class_samples import Best
from shared.ranking.methods import Floats, Ints

if TYPE_CHECKING:
    from shared.bank.server.connection import Connection

T = TypeVar("T")


class ServerSamples:
    """Asks the server once per micro-batch. Thread-safe."""

    def __init__(self, bank: Bank, server: BankServer) -> None:
        """Raises Unavailable: `index_unavailable`, `index_missing`, `index_differs`; Conflict as `explained`."""
        self._server, self._version, self._counts, self._dim = server, bank.version, bank.counts, bank.dim
        require(bank.manifest, self._ask(self._note))

    def best(self, queries: Floats, kept: Ints, k: int, beta: float | None = None) -> Best:
        """As `ClassSamples.best`. Raises Unavailable: `index_unavailable`, `index_missing`; Conflict as `explained`."""
        found = [self._part(queries[part], kept[part], k, beta) for part in parts(kept, self._counts, self._dim)]
        density = [one.density for one in found if one.density is not None]
        return Best(
            np.concatenate([one.rows for one in found]).reshape(*kept.shape, k),
            np.concatenate([one.cosines for one in found]).reshape(*kept.shape, k),
            np.concatenate(density).reshape(kept.shape) if density else None,
        )

    def _part(self, queries: Floats, kept: Ints, k: int, beta: float | None) -> Nearest:
        asking, table = np.repeat(np.arange(len(queries)), kept.shape[1]), name_of(self._version)
        return self._ask(lambda connection: nearest(connection, table, queries, asking, kept.ravel(), k, beta))

    def _note(self, connection: Connection) -> TableNote:
        if (note := noted(connection, self._version)) is None:
            raise Unavailable("index_missing", version=self._version)
        return note

    def _ask(self, work: Callable[[Connection], T]) -> T:
        """A replica that is behind does not have the table yet: then the primary answers."""
        errors = driver().errors
        for primary in (False, True):
            try:
                return self._server.ask(work, primary=primary)
            except errors.UndefinedTable:
                continue
            except errors.Error as error:
                raise explained(error) from error
            except Unavailable as error:
                if error.code != "index_missing":
                    raise
        raise Unavailable("index_missing", version=self._version)
