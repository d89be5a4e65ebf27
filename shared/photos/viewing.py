"""A photo as a browser can show it. Imports nothing numeric: what browsers cannot show is converted elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.core.errors import PhotoError
from shared.core.kept_child import KeptChild
from shared.photos.box import Box

#: Beginning of a file → its media type, where every browser shows it upright and in its true colours.
_SHOWN = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
)
#: Larger files are converted: a screen shows no more of them.
_AS_IT_IS_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Picture:
    data: bytes
    media_type: str


def media_type(data: bytes) -> str | None:
    """Of a file that browsers show as it is; None for all others."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for begin, kind in _SHOWN if data.startswith(begin)), None)


class Viewer:
    """Converts through a child process that is started when it is first needed. For use from several threads."""

    def __init__(self) -> None:
        self._child = KeptChild("shared.photos.view_server")

    def picture(self, data: bytes) -> Picture:
        """What is sent to a browser for a file's bytes: the file itself, or a JPEG made of it.

        Raises PhotoError (as `shared.photos.decode.decode_photo`), Unavailable.
        """
        kind = media_type(data)
        if kind is not None and len(data) <= _AS_IT_IS_BYTES:
            return Picture(data, kind)
        return self._made({}, data)

    def part(self, data: bytes, box: Box) -> Picture:
        """A part of a file's photo, as a JPEG. The same part of the same file gives the same bytes. Raises as
        `picture`."""
        return self._made({"box": [box.x, box.y, box.width, box.height]}, data)

    def _made(self, wish: dict[str, Any], data: bytes) -> Picture:
        answer, jpeg = self._child.ask(wish, data)
        if "code" in answer:
            code, detail = answer["code"], answer["detail"]
            raise PhotoError(code, **detail)
        return Picture(jpeg, "image/jpeg")

    def close(self) -> None:
        self._child.close()
