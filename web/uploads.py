"""Multipart files stream to the spool while they are hashed; nothing is held in memory."""

from __future__ import annotations

import re
from typing import Any

from apiflask import APIFlask
from flask import Request, request
from werkzeug.exceptions import RequestEntityTooLarge

from shared.core.errors import InvalidRequest
from shared.jobs.intake import archives
from shared.jobs.intake.sources import Uploaded
from shared.jobs.intake.spool import SpooledFile
from shared.jobs.intake.uploads import PART_BYTES
from web import multipart
from web.context import services
from web.declared import current, require_known
from web.i18n import say
from web.limits import FORM_BYTES, JSON_DEPTH, NAME_LENGTH, Whole, limit_of

#: Brackets of JSON, and the strings in which they are none.
_NESTING = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


class UploadedFile(SpooledFile):
    """What Werkzeug writes a part's bytes into."""

    __slots__ = ()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Werkzeug rewinds a part when it is complete."""
        self.finish()
        return 0


class SpoolingRequest(Request):
    """A request whose files go straight to disk; our own count of files replaces Werkzeug's limit of 1,000 parts."""

    max_form_parts = None
    max_form_memory_size = FORM_BYTES

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> Any:
        if filename and len(filename) > NAME_LENGTH:
            raise InvalidRequest("name_too_long", limit=NAME_LENGTH)
        held: list[UploadedFile] = self.environ.setdefault("weft.spooled", [])
        settings = services().settings
        if len(held) >= settings.max_upload_files:
            raise InvalidRequest("too_many_files", limit=settings.max_upload_files)
        archive = archives.is_archive(filename or "", content_type)
        limit = settings.max_upload_bytes if archive else settings.max_photo_bytes
        if self.endpoint == "uploads.add_parts":
            limit = PART_BYTES
        held.append(UploadedFile(services().spool_dir(), limit))
        return held[-1]

    def get_json(self, *args: Any, **kwargs: Any) -> Any:
        """As Flask's; raises InvalidRequest before the parser is given what nests too deeply."""
        depth = 0
        for found in _NESTING.finditer(self.get_data()):
            depth += {b"{": 1, b"[": 1, b"}": -1, b"]": -1}.get(found.group(), 0)
            if depth > JSON_DEPTH:
                raise InvalidRequest(reason=say("json_too_deep", limit=JSON_DEPTH))
        return super().get_json(*args, **kwargs)

    def _load_form_data(self) -> None:
        already = "form" in self.__dict__
        super()._load_form_data()
        # Where a form is parsed is the one place that every field passes.
        declared = None if already else current()
        if declared is not None and declared.form is not None:
            require_known(self.form, declared.form)
            require_known(self.files, declared.form)


def init_app(app: APIFlask) -> None:
    app.request_class = SpoolingRequest
    multipart.install()
    limit = app.config["WEFT"].max_upload_bytes
    app.config["MAX_CONTENT_LENGTH"] = limit

    @app.before_request
    def limit_body() -> None:
        own = limit_of(request.endpoint)
        request.max_content_length = own.bytes(app.config["WEFT"])
        if not own.files and (request.content_length or 0) > request.max_content_length:
            raise RequestEntityTooLarge

    @app.teardown_request
    def drop_spooled(_: BaseException | None) -> None:
        for spooled in request.environ.pop("weft.spooled", ()):
            spooled.close()


def uploaded(field: str) -> list[Uploaded]:
    """The files of this field of the request at hand, in the order they came; fields left empty are not among them."""
    found = []
    for part in request.files.getlist(field):
        if part.filename:
            assert isinstance(part.stream, UploadedFile)
            found.append(Uploaded(part.filename, part.stream, part.mimetype))
    return found


def too_large() -> tuple[str, int]:
    """Code and bytes of the limit that this request went over."""
    whole, length = request.max_content_length or 0, request.content_length
    own = limit_of(request.endpoint)
    if own.files and whole and length is not None and length <= whole:
        return "field_too_large", FORM_BYTES
    return "upload_too_large" if own.body is Whole.UPLOAD else "body_too_large", whole
