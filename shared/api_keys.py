"""API keys: who may use the pages and the API, once there is a key at all.

`keys.json` in the data folder holds a name, the time and the SHA-256 of every key; the key itself is shown once. A key
is 256 random bits, so a plain digest keeps it: there is no dictionary to try.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.bank.files import write_atomic
from shared.errors import Conflict, InvalidRequest, NotFound

if TYPE_CHECKING:
    from shared.settings import Settings

FILE = "keys.json"


class Keys:
    """The keys of one data folder; every call sees what the file says now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._rows: dict[str, dict[str, Any]] = {}

    @classmethod
    def of(cls, settings: Settings) -> Keys:
        return cls(settings.data_dir / FILE)

    def add(self, name: str) -> str:
        """A new key. Raises InvalidRequest for an empty or long name, Conflict for one that is in use."""
        if not name.strip() or len(name) > 100:
            raise InvalidRequest(reason="a key's name has 1 to 100 characters")
        rows = self.rows()
        if name in rows:
            raise Conflict("key_exists", name=name)
        key = f"weft_{secrets.token_urlsafe(32)}"
        self._write({**rows, name: {"created": time.time(), "sha256": _digest(key)}})
        return key

    def remove(self, name: str) -> None:
        """From now on that key opens nothing. Raises NotFound."""
        rows = dict(self.rows())
        if rows.pop(name, None) is None:
            raise NotFound(what=name)
        self._write(rows)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Name → `{"created", "sha256"}`. A damaged file raises ValueError: it must not open the door."""
        try:
            state = self._path.stat()
        except FileNotFoundError:
            return {}
        if self._seen != (seen := (state.st_mtime_ns, state.st_ino)):
            self._rows, self._seen = json.loads(self._path.read_bytes()), seen
        return self._rows

    def holder(self, key: str) -> str | None:
        """The name of that key, if it is one."""
        digest = _digest(key)
        return next((name for name, row in self.rows().items() if row["sha256"] == digest), None)

    def _write(self, rows: dict[str, dict[str, Any]]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self._path, json.dumps(rows, ensure_ascii=False, indent=1).encode(), mode=0o600)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
