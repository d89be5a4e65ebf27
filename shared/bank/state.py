"""Which version of a bank is active, which were, and the draft: a file beside the versions. No numpy here.

<root>/current        {"version", "history": [{"version", "at", "by"?}…], "draft"?: ["version"…]}, replaced atomically
<root>/current-BANK   the same of another bank than the default one
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


class SharedFile:
    """A small file that every machine of an installation reads and replaces."""

    def __init__(self, path: Path, key: str, storage: Storage) -> None:
        self.path = path
        self._key = key
        self._storage = storage
        self._read_at = 0.0
        #: Why it is not known whether there is such a file: neither it nor the storage was here.
        self._unknown: Unavailable | None = None

    def read(self, now: bool = False) -> bytes | None:
        """Its bytes; None where there is none. `now`: what another machine wrote a moment ago, too.

        Raises Unavailable where the storage does not answer and the file is not here.
        """
        if now or time.monotonic() - self._read_at > _CURRENT_VERSION_TTL:
            self._fetch()
        if self._unknown is not None:
            raise self._unknown.with_traceback(None)
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def _fetch(self) -> None:
        """While the storage does not answer, what was known last holds: a bank that is here can still be ranked by.

        Nor is it asked again at once where nothing was known: every page would wait for it.
        """
        pause = 0.0
        self._unknown = None
        try:
            self._storage.fetch(self._key, self.path)
        except Unavailable as error:
            if not self.path.exists():
                self._unknown = error
            pause = _AWAY
        self._read_at = time.monotonic() + pause

    def write(self, data: bytes) -> None:
        """Replaces it. Raises Unavailable("disk_full")."""
        write_atomic(self.path, data)
        self._storage.share(self.path, self._key)


class StateFile:
    """Reads and replaces the state of one bank; `root` is the folder of the versions."""

    def __init__(self, root: Path, storage: Storage, name: str = "current") -> None:
        self.root = root
        self._file = SharedFile(root / name, f"banks/{name}", storage)

    def read(self) -> State:
        """Raises BankError("bank_damaged")."""
        data = self._file.read()
        if data is None:
            return State(version=None, history=[])
        try:
            return State.from_json(parse_json(data))
        except ValueError as failure:
            raise BankError("bank_damaged", version=self._file.path.name, reason=str(failure)) from failure

    def write(self, history: Sequence[Publication], draft: Sequence[str]) -> None:
        """Replaces the file; the last publication is active. Raises Unavailable("disk_full")."""
        state = State(version=history[-1].version if history else None, history=list(history))
        if draft:
            state = state.model_copy(update={"draft": list(draft)})
        self._file.write(json.dumps(state.to_json(), indent=1).encode())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else replaces the file meanwhile."""
        self.root.mkdir(parents=True, exist_ok=True)
        with file_lock(self.root / ".lock"):
            yield
