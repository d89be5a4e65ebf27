"""Blobs in an object store through fsspec (S3, GCS, WebDAV, …): what workers on several machines share."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import fsspec

from shared.errors import NotFound


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

    def local_folder(self, key: str) -> Path:
        """Fetches what is not here yet. Trees shared this way are immutable below their top level (bank versions), and
        their few top-level files (which version is in force) are fetched every time."""
        folder = self._data_dir / key
        folder.mkdir(parents=True, exist_ok=True)
        top = f"{self._root}/{key}"
        self._fs.invalidate_cache()
        for remote in self._fs.find(top) if self._fs.exists(top) else []:
            relative = remote[len(top) + 1 :]
            target = folder / relative
            if "/" in relative and target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{secrets.token_hex(8)}")
            self._fs.get_file(remote, str(temporary))
            os.replace(temporary, target)
        return folder

    def _write(self, target: str, data: bytes) -> None:
        self._fs.makedirs(self._fs._parent(target), exist_ok=True)
        self._fs.pipe_file(target, data)

    def _path(self, kind: str, sha256: str) -> str:
        return f"{self._root}/{kind}/{sha256[:2]}/{sha256}"
