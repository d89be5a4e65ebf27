"""Receiving files: every multipart file streams to disk while it is hashed, and becomes a blob once.

Nothing is held in memory and no descriptor stays open, so that 10,000 files may come in one request.
"""

from __future__ import annotations

import errno
import hashlib
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from apiflask import APIFlask
from flask import Request, request
from werkzeug.datastructures import FileStorage

from shared.core.errors import InvalidRequest, Unavailable
from shared.core.names import display_name
from shared.core.settings import Settings
from shared.jobs.intake import archives
from shared.jobs.model import Item
from shared.storage import Storage
from web import multipart
from web.context import services
from web.declared import current, require_known

#: Bytes of text fields in one form; files do not count.
FORM_MEMORY = 500_000
#: Bytes of a request's body where no files are expected: JSON and forms are read into memory.
BODY_BYTES = 1_000_000
#: Views that take files.
_FILE_VIEWS = frozenset({"jobs.create", "classify.classify", "pages.upload"})
#: Files synced to disk at a time: a disk takes many syncs together for little more than the price of one.
SYNC_THREADS = 16


class SpooledFile:
    """One file on its way in: written and hashed, then adopted by the storage, which syncs it, or deleted.

    Of a file larger than `limit` bytes, one byte more than the limit is kept: enough for the worker to refuse it.
    """

    __slots__ = ("_handle", "_hash", "_limit", "path", "sha256", "size")

    def __init__(self, folder: Path, limit: int) -> None:
        self.path: Path | None = folder / f"upload-{uuid.uuid4().hex}"
        self.size = 0
        self.sha256 = ""
        self._limit = limit
        self._hash = hashlib.sha256()
        with _disk_errors():
            self._handle: IO[bytes] | None = self.path.open("xb", buffering=256 * 1024)

    def write(self, data: bytes | bytearray) -> int:
        assert self._handle is not None
        kept = memoryview(data)[: max(0, self._limit + 1 - self.size)]
        if kept:
            with _disk_errors():
                self._handle.write(kept)
            self._hash.update(kept)
            self.size += len(kept)
        return len(data)

    def finish(self) -> None:
        """Complete: the storage syncs it to disk when it adopts it."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        with _disk_errors(), handle:
            handle.flush()
        self.sha256 = self._hash.hexdigest()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Werkzeug rewinds a part when it is complete."""
        self.finish()
        return 0

    def adopt(self, storage: Storage) -> None:
        assert self.path is not None
        path, self.path = self.path, None
        with _disk_errors():
            storage.adopt(path, self.sha256)

    def close(self) -> None:
        """Drops whatever was not adopted."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None


class SpoolingRequest(Request):
    """A request whose files go straight to disk; our own count of files replaces Werkzeug's limit of 1,000 parts."""

    max_form_parts = None
    max_form_memory_size = FORM_MEMORY

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> Any:
        held: list[SpooledFile] = self.environ.setdefault("weft.spooled", [])
        settings = services().settings
        if len(held) >= settings.max_upload_files:
            raise InvalidRequest("too_many_files", limit=settings.max_upload_files)
        archive = archives.is_archive(filename or "", content_type)
        limit = settings.max_upload_bytes if archive else settings.max_photo_bytes
        held.append(SpooledFile(services().spool_dir(), limit))
        return held[-1]

    def _load_form_data(self) -> None:
        already = "form" in self.__dict__
        super()._load_form_data()
        # Where a form is parsed is the one place that every field passes.
        declared = None if already else current()
        if declared is not None and declared.form is not None:
            require_known(self.form, declared.form)
            require_known(self.files, declared.form)


def sweep(spool: Path, seconds: float = 86400) -> None:
    """Removes what a crashed process left in the spool; nothing takes a day to arrive."""
    for path in (*spool.glob("upload-*"), *spool.glob("submit-*")):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - seconds:
                path.unlink()


def init_app(app: APIFlask) -> None:
    app.request_class = SpoolingRequest
    multipart.install()
    limit = app.config["WEFT"].max_upload_bytes
    app.config["MAX_CONTENT_LENGTH"] = limit

    @app.before_request
    def limit_body() -> None:
        if not takes_files():
            request.max_content_length = min(BODY_BYTES, limit)

    @app.teardown_request
    def drop_spooled(_: BaseException | None) -> None:
        for spooled in request.environ.pop("weft.spooled", ()):
            spooled.close()


def receive(files: Iterable[FileStorage], storage: Storage, settings: Settings) -> list[Item]:
    """The items of an upload, in the order they came, zip members in their archive's place; all bytes are durable.

    Raises `InvalidRequest` (`no_files`, `too_many_files`, `zip_*`) before a single item exists.
    """
    items: list[Item] = []
    with ThreadPoolExecutor(SYNC_THREADS) as pool:
        adopted: dict[str, Future[None]] = {}
        for name, spooled in _unpacked(files, storage, settings):
            if len(items) >= settings.max_upload_files:
                spooled.close()
                raise InvalidRequest("too_many_files", limit=settings.max_upload_files)
            if spooled.sha256 in adopted:
                spooled.close()
            else:
                adopted[spooled.sha256] = pool.submit(spooled.adopt, storage)
            items.append(Item(index=len(items), name=display_name(name), sha256=spooled.sha256, size=spooled.size))
        for future in adopted.values():
            future.result()
    if not items:
        raise InvalidRequest("no_files")
    return items


def _unpacked(files: Iterable[FileStorage], storage: Storage, settings: Settings) -> Iterator[tuple[str, SpooledFile]]:
    """Every file with its name, those of an archive one by one."""
    for part in files:
        name, spooled = part.filename, part.stream
        if not name:
            continue
        assert isinstance(spooled, SpooledFile)
        assert spooled.path is not None
        if not archives.is_archive(name, part.mimetype):
            yield name, spooled
            continue
        limits = {"max_files": settings.max_upload_files, "max_bytes": settings.max_upload_bytes}
        with archives.opened(spooled.path, display_name(name), **limits) as archive:
            for member, pieces in archive.members():
                unpacked = SpooledFile(storage.spool_dir(), settings.max_photo_bytes)
                try:
                    for piece in pieces:
                        unpacked.write(piece)
                    unpacked.finish()
                except BaseException:
                    unpacked.close()
                    raise
                yield member, unpacked


def takes_files() -> bool:
    """Whether the view of this request takes uploads."""
    return request.endpoint in _FILE_VIEWS


def too_large() -> dict[str, Any]:
    """`code` and `limit` of the limit that this request went over."""
    if not takes_files():
        return {"code": "body_too_large", "limit": request.max_content_length}
    whole, length = request.max_content_length, request.content_length
    if whole is not None and length is not None and length <= whole:
        return {"code": "field_too_large", "limit": FORM_MEMORY}
    return {"code": "upload_too_large", "limit": whole}


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Unavailable("disk_full", retry_after=60) from error
        raise
