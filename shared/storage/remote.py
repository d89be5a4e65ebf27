"""Blobs in an object store through fsspec (S3, GCS, WebDAV, …): what workers on several machines share.

Whatever a store raises becomes `Unavailable("storage_unavailable")` with its reason: pages answer 503, workers hand
photos back and wait. S3's client repeats what is worth repeating (`_S3`).
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import fsspec

from shared.core.errors import Conflict, InvalidRequest, NotFound, Unavailable, WeftError
from shared.storage import Stored
from shared.storage.names import COMPLETE, LARGE

T = TypeVar("T")

#: Stores that know no folders. Making one there would make the bucket, too, a mistyped one included.
_OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci")
_S3 = ("s3", "s3a")
#: The package of Weft that brings a store's client.
_EXTRAS = {"s3": "s3", "s3a": "s3"}
#: Seconds to connect and to wait for bytes, and attempts of one call: a call that fails has taken half a minute.
_S3_OPTIONS = {
    "config_kwargs": {"connect_timeout": 5, "read_timeout": 10, "retries": {"mode": "standard", "max_attempts": 3}},
}
#: Seconds after which a blob that is sent or asked for again is written again: retention goes by when it was.
_FRESH_SECONDS = 3600.0
#: This machine's own, which no store is to blame for.
_LOCAL = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class RemoteStorage:
    """`url`: an fsspec URL such as s3://bucket/prefix; credentials come from the environment.

    Raises InvalidRequest (`storage_unknown`), Conflict (`storage_needs_package`). Every call that asks the store raises
    Unavailable (`storage_unavailable`).
    """

    def __init__(self, url: str, data_dir: Path) -> None:
        self._scheme = urlsplit(url).scheme or "file"
        self._fs = filesystem(self._scheme)
        self._root = self._fs._strip_protocol(url).rstrip("/")
        self._data_dir = data_dir

    def check(self) -> None:
        """Raises Conflict where waiting does not help: `storage_no_bucket`, `storage_denied`."""
        if self._scheme not in _S3:
            return
        bucket = self._root.split("/")[0]
        try:
            self._fs.call_s3("head_bucket", Bucket=bucket)
        except FileNotFoundError:
            raise Conflict("storage_no_bucket", bucket=bucket) from None
        except PermissionError as error:
            raise Conflict("storage_denied", bucket=bucket, reason=str(error)) from error
        except Exception as error:
            raise _unavailable(error) from error

    def put(self, data: bytes, sha256: str) -> None:
        if not self._is_fresh(sha256):
            self._write(self._path("blobs", sha256), data)

    def adopt(self, path: Path, sha256: str) -> None:
        if not self._is_fresh(sha256):
            self._send(path, self._path("blobs", sha256))
        path.unlink()

    def spool_dir(self) -> Path:
        folder = self._data_dir / "spool"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def has(self, sha256: str) -> bool:
        return self._kind(self._path("blobs", sha256)) is not None

    def available(self) -> bool:
        self._fs.invalidate_cache()
        return self._kind(f"{self._root}/blobs") is not None

    def keep(self, sha256: str) -> bool:
        if not self._is_fresh(sha256):
            try:
                # Stores have no way in common to touch an object.
                self._write(self._path("blobs", sha256), self.read(sha256))
            except NotFound:
                return False
        return True

    def read(self, sha256: str) -> bytes:
        try:
            return bytes(self._call(self._fs.cat_file, self._path("blobs", sha256)))
        except FileNotFoundError:
            raise NotFound(what=sha256) from None

    @contextmanager
    def local_copy(self, sha256: str) -> Iterator[Path]:
        path = self.spool_dir() / f"upload-{secrets.token_hex(16)}"
        try:
            try:
                self._call(self._fs.get_file, self._path("blobs", sha256), str(path))
            except FileNotFoundError:
                raise NotFound(what=sha256) from None
            yield path
        finally:
            path.unlink(missing_ok=True)

    def discard(self, sha256: str, before: float) -> None:
        """Its own rules remove what is old."""

    def stored(self, folder: str) -> Iterator[Stored]:
        try:
            found = self._call(self._fs.find, f"{self._root}/{folder}", detail=True)
        except FileNotFoundError:
            return
        for name, told in found.items():
            yield Stored(name.rpartition("/")[2], int(told.get("size") or 0), _written(told))

    def remove(self, folder: str, name: str, before: float) -> bool:
        path = self._path(folder, name)
        try:
            if _written(self._call(self._fs.info, path)) > before:
                return False
            self._call(self._fs.rm_file, path)
        except FileNotFoundError:
            return False
        return True

    def put_thumb(self, sha256: str, jpeg: bytes, large: bool = False) -> None:
        self._write(self._thumb(sha256, large), jpeg)

    def has_thumb(self, sha256: str, large: bool = False) -> bool:
        return self._kind(self._thumb(sha256, large)) is not None

    def thumb(self, sha256: str, large: bool = False) -> bytes | None:
        try:
            return bytes(self._call(self._fs.cat_file, self._thumb(sha256, large)))
        except FileNotFoundError:
            return None

    def share(self, path: Path, key: str) -> None:
        for source in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if source.is_file():
                relative = source.relative_to(path).as_posix()
                self._send(source, f"{self._root}/{key}" + (f"/{relative}" if path.is_dir() else ""))
        if path.is_dir():
            # Written last: a folder without it is still on its way, and is not fetched.
            self._write(f"{self._root}/{key}/{COMPLETE}", b"")

    def unshare(self, key: str) -> None:
        with suppress(FileNotFoundError):
            # First the mark: what is being removed is not fetched any more.
            self._call(self._fs.rm_file, f"{self._root}/{key}/{COMPLETE}")
        with suppress(FileNotFoundError):
            self._call(self._fs.rm, f"{self._root}/{key}", recursive=True)

    def is_shared(self, key: str) -> bool:
        self._fs.invalidate_cache()
        return self._kind(f"{self._root}/{key}/{COMPLETE}") is not None

    def fetch(self, key: str, path: Path, without: Collection[str] = ()) -> bool:
        self._fs.invalidate_cache()
        remote = f"{self._root}/{key}"
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".fetch-{secrets.token_hex(8)}")
        try:
            if self._kind(remote) == "file":
                self._call(self._fs.get_file, remote, str(temporary))
            elif self._kind(f"{remote}/{COMPLETE}"):
                for name in self._call(self._fs.find, remote):
                    relative = name[len(remote) + 1 :]
                    target = temporary / relative
                    target.parent.mkdir(parents=True, exist_ok=True)
                    if relative not in (COMPLETE, *without):
                        self._call(self._fs.get_file, name, str(target))
            else:
                return False
            os.replace(temporary, path)
        finally:
            if temporary.is_dir():
                shutil.rmtree(temporary)
            else:
                temporary.unlink(missing_ok=True)
        return True

    def objects(self, folder: str) -> Iterator[tuple[str, int]]:
        """(name below the root, bytes) of what is below `folder`, marks of shared folders too. Raises Unavailable."""
        try:
            found = self._call(self._fs.find, f"{self._root}/{folder}", detail=True)
        except FileNotFoundError:
            return
        for name, told in found.items():
            yield name[len(self._root) + 1 :], int(told.get("size") or 0)

    def download(self, name: str, path: Path) -> None:
        """Writes an object that `objects` named to `path`. Raises FileNotFoundError, Unavailable."""
        self._call(self._fs.get_file, f"{self._root}/{name}", str(path))

    def upload(self, path: Path, name: str) -> None:
        """The other way. Raises Unavailable."""
        self._send(path, f"{self._root}/{name}")

    def probe(self) -> None:
        """Writes an object and reads it back. Raises Unavailable, and as `check`."""
        self.check()
        name, data = f"{self._root}/.probe-{secrets.token_hex(4)}", secrets.token_bytes(8)
        self._write(name, data)
        found = bytes(self._call(self._fs.cat_file, name))
        self._call(self._fs.rm_file, name)
        if found != data:
            raise Unavailable("storage_unavailable", reason="an object came back otherwise than it was written")

    def _is_fresh(self, sha256: str) -> bool:
        """Whether the blob is here and was written so lately that retention leaves it alone."""
        try:
            told = self._call(self._fs.info, self._path("blobs", sha256))
        except FileNotFoundError:
            return False
        return time.time() - _written(told) < _FRESH_SECONDS

    def _kind(self, path: str) -> str | None:
        """`file` or `directory`; None where there is nothing. fsspec's own questions take any failure for a no."""
        try:
            return str(self._call(self._fs.info, path)["type"])
        except FileNotFoundError:
            return None

    def _send(self, source: Path, target: str) -> None:
        self._make_folder(target)
        try:
            self._call(self._fs.put_file, str(source), target)
        except FileNotFoundError as error:
            if not source.exists():
                raise
            raise _unavailable(error) from error

    def _write(self, target: str, data: bytes) -> None:
        self._make_folder(target)
        try:
            self._call(self._fs.pipe_file, target, data)
        except FileNotFoundError as error:
            # The bucket, or the folder on a share, is not there.
            raise _unavailable(error) from error

    def _make_folder(self, target: str) -> None:
        if self._scheme not in _OBJECT_STORES:
            self._call(self._fs.makedirs, self._fs._parent(target), exist_ok=True)

    def _call(self, call: Callable[..., T], *args: Any, **more: Any) -> T:
        """Raises FileNotFoundError, Unavailable, and OSError where this machine is short of something."""
        try:
            return call(*args, **more)
        except (FileNotFoundError, WeftError):
            raise
        except OSError as error:
            if error.errno in _LOCAL:
                raise
            raise _unavailable(error) from error
        except Exception as error:  # every store's client has errors of its own
            raise _unavailable(error) from error

    def _thumb(self, sha256: str, large: bool) -> str:
        return self._path("thumbs", sha256) + (LARGE if large else "")

    def _path(self, kind: str, sha256: str) -> str:
        return f"{self._root}/{kind}/{sha256[:2]}/{sha256}"


def _written(told: dict[str, Any]) -> float:
    """When an object was written, from what its store tells of it; now where it does not say, which keeps it."""
    for name in ("LastModified", "mtime", "last_modified", "updated"):
        value = told.get(name)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
    return time.time()


def filesystem(scheme: str) -> Any:
    try:
        # Never a listing from memory: other machines write, too.
        return fsspec.filesystem(scheme, use_listings_cache=False, **(_S3_OPTIONS if scheme in _S3 else {}))
    except ImportError as error:
        extra = _EXTRAS.get(scheme)
        package = f"weft[{extra}]" if extra else str(error)
        raise Conflict("storage_needs_package", scheme=scheme, package=package) from error
    except ValueError as error:
        raise InvalidRequest("storage_unknown", scheme=scheme) from error


def _unavailable(error: Exception) -> Unavailable:
    reason = f"{type(error).__name__}: {error}"[:300] if str(error) else type(error).__name__
    return Unavailable("storage_unavailable", retry_after=10, reason=reason)
