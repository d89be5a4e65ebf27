"""The keys' files of a data folder as all machines of one storage know them."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from shared.core.documents import parse_json
from shared.core.files import write_atomic
from shared.storage import Storage, open_storage

if TYPE_CHECKING:
    from shared.core.settings import Settings

log = logging.getLogger(__name__)

#: Name in the storage.
_KEY = "access/keys.json"
#: Seconds for which the keys are taken to be those that were fetched last.
_TTL = 3.0


class SharedKeys:
    """Fetches what another machine changed, and shares what this one did."""

    def __init__(self, storage: Storage, keys: Path, marker: Path) -> None:
        self._storage = storage
        self._keys, self._marker = keys, marker
        self._copy = keys.with_name(".keys.shared.json")
        self._fetched_at = -_TTL
        self._applied: bytes | None = None

    @classmethod
    def of(cls, settings: Settings, keys: str, marker: str) -> SharedKeys | None:
        """None where the data folder is all there is."""
        if not settings.storage_url:
            return None
        return cls(open_storage(settings), settings.data_dir / keys, settings.data_dir / marker)

    def share(self) -> None:
        """Tells the other machines what the files say now."""
        keys = self._keys.read_text("utf-8") if self._keys.exists() else None
        self._applied = json.dumps({"required": self._marker.exists(), "keys": keys}).encode()
        write_atomic(self._copy, self._applied)
        self._storage.share(self._copy, _KEY)

    def fetch(self, now: bool = False) -> None:
        """Takes over what another machine shared. While the storage does not answer, the last known keys hold."""
        if not now and time.monotonic() - self._fetched_at < _TTL:
            return
        self._fetched_at = time.monotonic()
        try:
            if not self._storage.fetch(_KEY, self._copy):
                return
            content = self._copy.read_bytes()
        except Exception:  # every backend of fsspec has errors of its own
            log.warning("keys_not_fetched", exc_info=True)
            return
        if content != self._applied:
            try:
                self._apply(content)
            except (ValueError, KeyError, TypeError, AttributeError):
                log.warning("keys_not_fetched", exc_info=True)

    def _apply(self, content: bytes) -> None:
        document = parse_json(content)
        if document["required"] and not self._marker.exists():
            # First: a crash in between leaves the door closed.
            write_atomic(self._marker, b"Requests need a key until `weft key off`.\n")
        if document["keys"] is None:
            self._keys.unlink(missing_ok=True)
        else:
            write_atomic(self._keys, document["keys"].encode())
        if not document["required"]:
            self._marker.unlink(missing_ok=True)
        self._applied = content
