"""Blobs in an object store through fsspec (S3, GCS, WebDAV, …): what workers on several machines share."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import fsspec

from shared.core.errors import NotFound

#: Marks a shared folder whose files have all arrived.
_COMPLETE = ".complete"


class RemoteStorage:
    """`url`: an fsspec URL such as s3://bucket/prefix; credentials come from the environment."""

    def __init__(self, url: str, data_dir: Path) -> None:
        self._fs = fsspec.filesystem(urlsplit(url).scheme or "file")
        self._root = self._fs._strip_protocol(url).rstrip("/")
        self._data_dir = data_dir

    def put(self, data: bytes, sha256: str) -> None:
        if not self.has(sha256):
            self._write(self._path("blobs", sha256), data)

    def adopt(self, path: Path, sha256: str) -> None:
        if not self.has(sha256):
            target = self._path("blobs", sha256)
            self._fs.makedirs(self._fs._parent(target), exist_ok=True)
            self._fs.put_file(str(path), target)
        path.unlink()

    def spool_dir(self) -> Path:
        folder = self._data_dir / "spool"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def has(self, sha256: str) -> bool:
        return bool(self._fs.exists(self._path("blobs", sha256)))

    def keep(self, sha256: str) -> bool:
        return self.has(sha256)

    def read(self, sha256: str) -> bytes:
        try:
            return bytes(self._fs.cat_file(self._path("blobs", sha256)))
        except FileNotFoundError:
            raise NotFound(what=sha256) from None

    def put_thumb(self, sha256: str, jpeg: bytes) -> None:
        self._write(self._path("thumbs", sha256), jpeg)

    def has_thumb(self, sha256: str) -> bool:
        return bool(self._fs.exists(self._path("thumbs", sha256)))

    def thumb(self, sha256: str) -> bytes | None:
        try:
            return bytes(self._fs.cat_file(self._path("thumbs", sha256)))
        except FileNotFoundError:
            return None

    def share(self, path: Path, key: str) -> None:
        for source in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if source.is_file():
                relative = source.relative_to(path).as_posix()
                target = f"{self._root}/{key}" + (f"/{relative}" if path.is_dir() else "")
                self._fs.makedirs(self._fs._parent(target), exist_ok=True)
                self._fs.put_file(str(source), target)
        if path.is_dir():
            # Written last: a folder without it is still on its way, and is not fetched.
            self._fs.pipe_file(f"{self._root}/{key}/{_COMPLETE}", b"")

    def fetch(self, key: str, path: Path) -> bool:
        self._fs.invalidate_cache()
        remote = f"{self._root}/{key}"
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".fetch-{secrets.token_hex(8)}")
        try:
            if self._fs.isfile(remote):
                self._fs.get_file(remote, str(temporary))
            elif self._fs.exists(f"{remote}/{_COMPLETE}"):
                for name in self._fs.find(remote):
                    target = temporary / name[len(remote) + 1 :]
                    target.parent.mkdir(parents=True, exist_ok=True)
                    if target.name != _COMPLETE:
                        self._fs.get_file(name, str(target))
            else:
                return False
            os.replace(temporary, path)
        finally:
            if temporary.is_dir():
                shutil.rmtree(temporary)
        return True

    def _write(self, target: str, data: bytes) -> None:
        self._fs.makedirs(self._fs._parent(target), exist_ok=True)
        self._fs.pipe_file(target, data)

    def _path(self, kind: str, sha256: str) -> str:
        return f"{self._root}/{kind}/{sha256[:2]}/{sha256}"
