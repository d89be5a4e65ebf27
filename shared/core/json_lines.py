"""JSON Lines: one object a line, where a line ends at `\\n` and nowhere else (jsonlines.org)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from shared.core.documents import parse_json

#: Line ends to `str.splitlines` and to JavaScript before 2019, but not to JSON: written as escapes for such readers.
_SEPARATORS = str.maketrans({"\u0085": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def dump(rows: Iterable[Any]) -> str:
    """One line a row."""
    return "".join(json.dumps(row, ensure_ascii=False).translate(_SEPARATORS) + "\n" for row in rows)


def load(text: str) -> list[Any]:
    """The rows. Raises ValueError."""
    # Never splitlines(): it also ends a line at U+2028, which a name may hold.
    return [parse_json(line) for line in text.split("\n") if line]
