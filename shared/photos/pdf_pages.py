"""Draws the pages of a PDF, in a process of its own: `python -m shared.photos.pdf_pages`, the file on standard input.

On standard output: for each page its length in bytes (big endian, 4 bytes) and a JPEG; a length of 0 for a page that
cannot be drawn. The process is confined like a decoder before it looks at the file, and ends with the last page.
Needs pypdfium2 (the `pdf` extra); exit code 3 without it.
"""

from __future__ import annotations

import io
import struct
import sys
from typing import Any, BinaryIO

from shared.photos.confinement import Confinement

#: Longer side of a page's picture, in pixels.
SIDE = 2400
#: Exit codes: there is no library, and the file is no PDF that it can read (or one with a password).
NO_LIBRARY, UNREADABLE = 3, 4
_MEMORY_BYTES = 2 << 30
_CPU_SECONDS = 20.0


def draw(page: Any) -> bytes:
    """A page as a JPEG whose longer side is `SIDE` pixels."""
    width, height = page.get_size()
    picture = page.render(scale=SIDE / max(width, height, 1)).to_pil().convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def write_pages(data: bytes, output: BinaryIO) -> int:
    """Writes every page; returns the exit code."""
    import pypdfium2

    confinement = Confinement(memory=_MEMORY_BYTES, cpu_seconds=_CPU_SECONDS)
    # Once, so that everything is imported before nothing can be opened any more.
    blank = pypdfium2.PdfDocument.new()
    draw(blank.new_page(10, 10))
    confinement.enter()
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError:
        return UNREADABLE
    for index in range(len(document)):
        confinement.begin_photo()
        try:
            jpeg = draw(document[index])
        except Exception:  # pdfium and Pillow report damage in classes of their own
            jpeg = b""
        finally:
            confinement.end_photo()
        output.write(struct.pack(">I", len(jpeg)) + jpeg)
        output.flush()
    return 0


if __name__ == "__main__":
    try:
        import pypdfium2  # noqa: F401
    except ImportError:
        sys.exit(NO_LIBRARY)
    sys.exit(write_pages(sys.stdin.buffer.read(), sys.stdout.buffer))
