"""Multipart file names that are not UTF-8: older Chinese programs send GBK bytes.

Werkzeug drops the whole form where one header line is not UTF-8, so that nobody learns why nothing arrived.
"""

from __future__ import annotations

from werkzeug import formparser
from werkzeug.datastructures import Headers
from werkzeug.sansio.multipart import Event, Field, MultipartDecoder

from shared.core.errors import InvalidRequest
from web.limits import FORM_FIELDS


class LenientDecoder(MultipartDecoder):
    """Keeps the bytes of such a name as surrogates, as Python does with names of files; `core.names` reads them.

    Counts text fields, too: Werkzeug has one limit for all parts, and an upload may have a hundred thousand files.
    """

    _fields = 0

    def next_event(self) -> Event:
        event = super().next_event()
        if isinstance(event, Field):
            self._fields += 1
            if self._fields > FORM_FIELDS:
                raise InvalidRequest("too_many_fields", limit=FORM_FIELDS)
        return event

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        try:
            return super()._parse_headers(data)
        except UnicodeDecodeError:
            lines = (line.decode("utf-8", "surrogateescape") for line in bytes(data).split(b"\r\n") if line.strip())
            pairs = [line.partition(":") for line in lines]
            return Headers([(name.strip(" \t"), value.strip(" \t\r\n")) for name, _, value in pairs])


def install() -> None:
    """Makes Werkzeug's form parser use it: the parser names its decoder as a global and offers no other way."""
    formparser.__dict__["MultipartDecoder"] = LenientDecoder
