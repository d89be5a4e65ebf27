"""What a folder, an archive or a selection holds besides photos: one rule for all of them, by name alone."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Mapping

from shared.photos.formats import is_photo_name

#: Path parts that systems leave beside photos: hidden files (so `.DS_Store`, `._*`, `.@__thumb`), thumbnails and
#: recycle bins of Windows, macOS, Synology and QNAP; and texts that come with a collection. Searched in a path with
#: `/`, case ignored. The upload page uses the same expression, so it must mean the same in JavaScript.
SYSTEM_PATTERN = (
    r"(?:^|/)(?:"
    r"\.(?!\.?(?:/|$))[^/]*"
    r"|thumbs\.db|ehthumbs(?:_vista)?\.db|desktop\.ini|icon\r"
    r"|__macosx|@eadir|@tmp|#recycle|#snapshot|@recycle|@recently-snapshot"
    r"|\$recycle\.bin|system volume information|lost\+found"
    r")(?:/|$)"
    r"|(?:^|/)readme(?:\.(?:txt|md|rst|html?|rtf|nfo|docx?|pdf))?$"
)
_SYSTEM = re.compile(SYSTEM_PATTERN, re.IGNORECASE)
_ENDING = re.compile(r"\.[\w+~-]{1,10}")

#: Kinds that are no file name ending.
SYSTEM = "system"
NO_ENDING = "no_ending"
UNREADABLE_FOLDER = "unreadable_folder"
OTHERS = "others"
#: Kinds that are counted one by one; further ones count as `OTHERS`.
MAX_KINDS = 40


def is_system(path: str) -> bool:
    """Whether a file (its path below what was submitted, with `/`) or a folder above it is a system's own."""
    return _SYSTEM.search(path) is not None


def left_out_kind(path: str) -> str | None:
    """None for a photo; else the kind under which the file counts: `SYSTEM`, its ending (`.xmp`), or `NO_ENDING`."""
    if is_system(path):
        return SYSTEM
    if is_photo_name(path):
        return None
    ending = posixpath.splitext(path)[1].lower()
    return ending if _ENDING.fullmatch(ending) else NO_ENDING


def count(left_out: Counter[str], kind: str, number: int = 1) -> None:
    """Adds to the counts of what was left out."""
    if not number:
        return
    if kind not in left_out and len(left_out) >= MAX_KINDS:
        kind = OTHERS
    left_out[kind] += number


def told(left_out: Mapping[str, int]) -> list[tuple[str, int]]:
    """(kind, count) of what people are told of, the most frequent first: nobody misses a system's own files."""
    shown = [(kind, number) for kind, number in left_out.items() if kind != SYSTEM and number]
    return sorted(shown, key=lambda pair: (pair[0] == OTHERS, -pair[1], pair[0]))
