"""Keys: who may use the pages and the API, from the first key on until `weft key off`.

`keys.json` in the data folder holds name, scopes, times and the SHA-256 of every key; the key itself is shown once. A
key is 256 random bits, so a plain digest keeps it: there is no dictionary to try.

`keys.required` beside it says that there were keys. It is written before the first one and removed by `off` alone, so
that a lost `keys.json` opens nothing. With WEFT_STORAGE_URL both travel through the storage, so that all machines know
the same keys.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.access.scopes import EVERYTHING, Holder, Scope, granted
from shared.access.shared_keys import SharedKeys
from shared.core.documents import Document, parse_json
from shared.core.errors import Conflict, InvalidRequest, NotFound, Unavailable
from shared.core.files import file_lock, write_atomic

if TYPE_CHECKING:
    from shared.core.settings import Settings

FILE = "keys.json"
REQUIRED = "keys.required"
#: The name of the key in WEFT_API_KEY.
ENV = "env"


class KeyRecord(Document):
    """What is kept of a key; times in seconds since the epoch."""

    created: float
    #: Of the key.
    sha256: str
    #: None: a key of a version without scopes, which may do everything.
    scopes: list[str] | None = None
    #: From then on it opens nothing; None: never.
    expires: float | None = None
    #: Who made it.
    by: str | None = None

    @property
    def granted(self) -> frozenset[Scope]:
        """What it allows."""
        return EVERYTHING if self.scopes is None else granted(self.scopes)

    @property
    def expired(self) -> bool:
        return self.expires is not None and self.expires <= time.time()


class Keys:
    """The keys of one data folder; every call sees what the files say now."""

    def __init__(self, path: Path, env_key: str | None = None, shared: SharedKeys | None = None) -> None:
        self._path = path
        self._marker = path.with_name(REQUIRED)
        self._env = _digest(env_key) if env_key else None
        self._shared = shared
        self._seen: tuple[int, int, int] | None = None
        self._rows: dict[str, KeyRecord] = {}

    @classmethod
    def of(cls, settings: Settings) -> Keys:
        secret = settings.api_key.get_secret_value() if settings.api_key else None
        return cls(settings.data_dir / FILE, secret, SharedKeys.of(settings, FILE, REQUIRED))

    def required(self) -> bool:
        """Whether a request needs a key: WEFT_API_KEY is set, there are keys, or there were and nobody said `off`."""
        self._fetch()
        if self._env or self._marker.exists():
            return True
        if not self._path.exists():
            return False
        # Keys of a version that wrote no marker. A folder that cannot be written still has its keys.json.
        with suppress(OSError, Unavailable):
            self._mark()
        return True

    def add(
        self,
        name: str,
        scopes: Iterable[str] = (Scope.ADMIN,),
        expires: float | None = None,
        by: str | None = None,
    ) -> str:
        """A new key. `expires` in seconds since the epoch.

        Raises InvalidRequest for an empty or long name, unknown scopes or a past expiry, Conflict for a name in use.
        """
        if not name.strip() or len(name) > 100 or not name.isprintable():
            raise InvalidRequest(reason="a key's name has 1 to 100 characters")
        wanted = sorted({str(scope) for scope in scopes})
        if not granted(wanted):
            raise InvalidRequest("unknown_scope", scope="", choices=", ".join(Scope))
        if expires is not None and not time.time() < expires < 32503680000:
            raise InvalidRequest("expiry_out_of_range")
        with self._changing():
            rows = self.rows()
            if name in rows or name == ENV:
                raise Conflict("key_exists", name=name)
            key = f"weft_{secrets.token_urlsafe(32)}"
            record = KeyRecord(created=time.time(), sha256=_digest(key), scopes=wanted, expires=expires, by=by)
            self._write({**rows, name: record})
        return key

    def remove(self, name: str) -> None:
        """From now on that key opens nothing; without any key left, nothing does. Raises NotFound."""
        with self._changing():
            rows = dict(self.rows())
            if rows.pop(name, None) is None:
                raise NotFound(what=name)
            self._write(rows)

    def off(self) -> int:
        """Removes all keys and asks for none any more; returns how many there were."""
        with self._changing():
            try:
                count = len(self.rows())
            except Unavailable:
                count = 0
            self._path.unlink(missing_ok=True)
            # Last: a crash in between leaves the door closed.
            self._marker.unlink(missing_ok=True)
        return count

    def rows(self) -> dict[str, KeyRecord]:
        """Name → key. Raises Unavailable("keys_damaged") for a file that holds anything else."""
        self._fetch()
        try:
            state = self._path.stat()
            if self._seen != (seen := (state.st_mtime_ns, state.st_ino, state.st_size)):
                self._rows, self._seen = _parsed(parse_json(self._path.read_bytes())), seen
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, InvalidRequest) as failure:
            raise Unavailable("keys_damaged", retry_after=60) from failure
        return self._rows

    def find(self, key: str, chosen: bool = True) -> Holder | None:
        """Whose key this is; None for an unknown or expired one. Every key is compared, in constant time.

        `chosen`: also compare with WEFT_API_KEY, which a person has chosen. Raises Unavailable (`keys_damaged`).
        """
        digest, found = _digest(key), None
        for name, row in self.rows().items():
            if hmac.compare_digest(row.sha256, digest) and not row.expired:
                found = Holder(name, row.granted, digest)
        if chosen and self._env and hmac.compare_digest(self._env, digest):
            found = Holder(ENV, EVERYTHING, digest)
        return found

    def holder(self, key: str) -> str | None:
        """The name of that key, if it is one."""
        found = self.find(key)
        return found.name if found else None

    def still(self, name: str, sha256: str) -> Holder | None:
        """The holder of a session that was begun with the key of this digest, while the key is valid."""
        if name == ENV and self._env:
            return Holder(ENV, EVERYTHING, sha256) if hmac.compare_digest(self._env, sha256) else None
        row = self.rows().get(name)
        if row is None or row.expired or not hmac.compare_digest(row.sha256, sha256):
            return None
        return Holder(name, row.granted, sha256)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One change at a time: two commands at once must not lose a key. Then all machines hear of it."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with file_lock(self._path.with_name(".keys.lock")):
            self._fetch(now=True)
            yield
            if self._shared:
                self._shared.share()

    def _fetch(self, now: bool = False) -> None:
        if self._shared:
            self._shared.fetch(now)

    def _mark(self) -> None:
        write_atomic(self._marker, b"Requests need a key until `weft key off`.\n")

    def _write(self, rows: dict[str, KeyRecord]) -> None:
        if not self._marker.exists():
            self._mark()
        document = {name: row.to_json() for name, row in rows.items()}
        write_atomic(self._path, json.dumps(document, ensure_ascii=False, indent=1).encode())


def _parsed(document: Any) -> dict[str, KeyRecord]:
    """Raises ValueError, InvalidRequest unless it has the form of keys.json."""
    if not isinstance(document, dict):
        raise ValueError("no object")
    rows = {str(name): KeyRecord.from_json(row) for name, row in document.items()}
    for row in rows.values():
        granted(row.scopes or ())
    return rows


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
