"""Which version is active, which were, and the draft: the file `current` beside the versions. No numpy here.

<root>/current   {"version", "history": [{"version", "at", "by"?}…], "draft"?: ["version"…]}, replaced atomically
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import Field

from shared.core.documents import Document, parse_json
from shared.core.errors import BankError, Unavailable
from shared.core.files import file_lock, write_atomic
from shared.storage import Storage

#: Seconds for which the answer to "which version is active" is taken to hold, where other machines may change it.
_CURRENT_VERSION_TTL = 3.0
#: Seconds on top of it after which storage that did not answer is asked again.
_AWAY = 15.0


class Publication(Document):
    """A version that was made active, and when: seconds since the epoch."""

    version: str
    at: float
    #: Who did it, where that is known.
    by: str | None = None


class State(Document):
    """The file `current`."""

    version: str | None
    history: list[Publication]
    #: Versions of the draft, each made from the one before it: the last holds all changes, undo goes back by one.
    draft: list[str] = Field(default_factory=list)


class StateFile:
    """Reads and replaces the file; `root` is the folder of the versions."""

    def __init__(self, root: Path, storage: Storage) -> None:
        self.root = root
        self.storage = storage
        self._read_at = 0.0

    def read(self) -> State:
        """Raises BankError("bank_damaged")."""
        if time.monotonic() - self._read_at > _CURRENT_VERSION_TTL:
            self._fetch()
        try:
            return State.from_json(parse_json((self.root / "current").read_bytes()))
        except FileNotFoundError:
            return State(version=None, history=[])
        except ValueError as failure:
            raise BankError("bank_damaged", version="current", reason=str(failure)) from failure

    def _fetch(self) -> None:
        """While the storage does not answer, what was known last holds: a bank that is here can still be ranked by."""
        pause = 0.0
        try:
            self.storage.fetch("banks/current", self.root / "current")
        except Unavailable:
            if not (self.root / "current").exists():
                raise
            pause = _AWAY
        self._read_at = time.monotonic() + pause

    def write(self, history: Sequence[Publication], draft: Sequence[str]) -> None:
        """Replaces the file; the last publication is active. Raises Unavailable("disk_full")."""
        state = State(version=history[-1].version if history else None, history=list(history))
        if draft:
            state = state.model_copy(update={"draft": list(draft)})
        write_atomic(self.root / "current", json.dumps(state.to_json(), indent=1).encode())
        self.storage.share(self.root / "current", "banks/current")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else replaces the file meanwhile."""
        self.root.mkdir(parents=True, exist_ok=True)
        with file_lock(self.root / ".lock"):
            yield
