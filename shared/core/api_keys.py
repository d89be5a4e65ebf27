"""API keys: who may use the pages and the API, from the first key on until `weft key off`.

`keys.json` in the data folder holds a name, the time and the SHA-256 of every key; the key itself is shown once. A key
is 256 random bits, so a plain digest keeps it: there is no dictionary to try.

`keys.required` beside it says that there were keys. It is written before the first one and removed by `off` alone, so
that a lost `keys.json` opens nothing.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.core.errors import Conflict, InvalidRequest, NotFound, Unavailable
from shared.core.files import file_lock, write_atomic

if TYPE_CHECKING:
    from shared.core.settings import Settings

FILE = "keys.json"
REQUIRED = "keys.required"


class Keys:
    """The keys of one data folder; every call sees what the files say now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._marker = path.with_name(REQUIRED)
        self._seen: tuple[int, int, int] | None = None
        self._rows: dict[str, dict[str, Any]] = {}

    @classmethod
    def of(cls, settings: Settings) -> Keys:
        return cls(settings.data_dir / FILE)

    def required(self) -> bool:
        """Whether a request needs a key: there are keys, or there were and nobody said `off`."""
        if self._marker.exists():
            return True
        if not self._path.exists():
            return False
        # Keys of a version that wrote no marker. A folder that cannot be written still has its keys.json.
        with suppress(OSError, Unavailable):
            self._mark()
        return True

    def add(self, name: str) -> str:
        """A new key. Raises InvalidRequest for an empty or long name, Conflict for one that is in use."""
        if not name.strip() or len(name) > 100:
            raise InvalidRequest(reason="a key's name has 1 to 100 characters")
        with self._locked():
            rows = self.rows()
            if name in rows:
                raise Conflict("key_exists", name=name)
            key = f"weft_{secrets.token_urlsafe(32)}"
            self._write({**rows, name: {"created": time.time(), "sha256": _digest(key)}})
        return key

    def remove(self, name: str) -> None:
        """From now on that key opens nothing; without any key left, nothing does. Raises NotFound."""
        with self._locked():
            rows = dict(self.rows())
            if rows.pop(name, None) is None:
                raise NotFound(what=name)
            self._write(rows)

    def off(self) -> int:
        """Removes all keys and asks for none any more; returns how many there were."""
        with self._locked():
            try:
                count = len(self.rows())
            except Unavailable:
                count = 0
            self._path.unlink(missing_ok=True)
            # Last: a crash in between leaves the door closed.
            self._marker.unlink(missing_ok=True)
        return count

    def rows(self) -> dict[str, dict[str, Any]]:
        """Name → `{"created", "sha256"}`. Raises Unavailable("keys_damaged") for a file that holds anything else."""
        try:
            state = self._path.stat()
            if self._seen != (seen := (state.st_mtime_ns, state.st_ino, state.st_size)):
                self._rows, self._seen = _checked(json.loads(self._path.read_bytes())), seen
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as failure:
            raise Unavailable("keys_damaged", retry_after=60) from failure
        return self._rows

    def holder(self, key: str) -> str | None:
        """The name of that key, if it is one."""
        digest = _digest(key)
        return next((name for name, row in self.rows().items() if row["sha256"] == digest), None)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One change at a time: two commands at once must not lose a key."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with file_lock(self._path.with_name(".keys.lock")):
            yield

    def _mark(self) -> None:
        write_atomic(self._marker, b"Requests need a key until `weft key off`.\n")

    def _write(self, rows: dict[str, dict[str, Any]]) -> None:
        if not self._marker.exists():
            self._mark()
        write_atomic(self._path, json.dumps(rows, ensure_ascii=False, indent=1).encode())


def _checked(document: Any) -> dict[str, dict[str, Any]]:
    """Raises ValueError unless it has the form of keys.json."""
    if not isinstance(document, dict):
        raise ValueError("no object")
    for name, row in document.items():
        if not (isinstance(row, dict) and isinstance(row.get("sha256"), str)):
            raise ValueError(name)
        if not isinstance(row.get("created"), int | float):
            raise ValueError(name)
    return document


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
