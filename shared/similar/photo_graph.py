"""The graphs in which photos of all jobs are found: made where there are enough of them, all at once.

That is ten times faster than to add one photo after another, so a table gets its graph when nothing is missing in it.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from shared.bank.server.connection import BankServer, Guard, driver
from shared.core.errors import WeftError
from shared.similar.photo_tables import EXACT, Model, alone, is_indexed

if TYPE_CHECKING:
    from shared.bank.server.connection import Connection

_log = structlog.get_logger(__name__)

_SECONDS = 6 * 3600.0
#: Bytes of memory that the server may take for it, at least and at most, and those of a photo beside its embedding.
_LEAST, _MOST, _BESIDE = 64 << 20, 2 << 30, 1_100


def make_graphs(server: BankServer) -> int:
    """Makes the graphs that are missing, and returns how many; takes minutes per million photos. Raises as `alone`."""

    def work(connection: Connection, guard: Guard) -> int:
        due = [(model, photos) for model, photos in _unordered(connection) if photos > EXACT]
        for model, photos in due:
            guard.alive(_SECONDS)
            _make_graph(connection, model, photos)
        return len(due)

    return alone(server, work) or 0


class Graphs:
    """Makes the graphs beside other work, one at a time."""

    def __init__(self, server: BankServer) -> None:
        self._server = server
        self._thread: threading.Thread | None = None

    @property
    def under_way(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def begin(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            make_graphs(self._server)
        except WeftError as error:
            _log.warning("similar_graph_not_made", code=error.code, message=str(error))


def _unordered(connection: Connection) -> list[tuple[Model, int]]:
    """Models without a graph, and their photos."""
    psycopg = driver()
    with suppress(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        rows = connection.execute(
            "SELECT model, dim, coalesce(sum(photos), 0) FROM weft_similar.models LEFT JOIN weft_similar.jobs"
            " USING (model) GROUP BY 1, 2"
        ).fetchall()
        found = [(Model(model, dim), int(photos)) for model, dim, photos in rows]
        return [(model, photos) for model, photos in found if not is_indexed(connection, model)]
    return []


def _make_graph(connection: Connection, model: Model, photos: int) -> None:
    memory = min(max(photos * (2 * model.dim + _BESIDE), _LEAST), _MOST) >> 10
    connection.execute(f"SET maintenance_work_mem = '{memory}kB'")
    create = model.named("CREATE INDEX ON {photos} USING hnsw (vec halfvec_cosine_ops)")
    try:
        connection.execute(create)
    except driver().errors.DiskFull:
        # Several processes share the memory, and a container has little that can be shared.
        connection.execute("SET max_parallel_maintenance_workers = 0")
        connection.execute(create)
    connection.execute(model.named("ANALYZE {photos}, {results}"))
