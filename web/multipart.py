"""Multipart file names that are not UTF-8: older Chinese programs send GBK bytes.

Werkzeug drops the whole form where one header line is not UTF-8, so that nobody learns why nothing arrived.
"""

from __future__ import annotations

from werkzeug import formparser
from werkzeug.datastructures import Headers
from werkzeug.sansio.multipart import MultipartDecoder


class LenientDecoder(MultipartDecoder):
    """Keeps the bytes of such a name as surrogates, as Python does with names of files; `core.names` reads them."""

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
