"""Where a photo goes in the tree: a template of a few fields, each cleaned, so that no name leads out of the tree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from posixpath import basename, splitext
from string import Formatter

from shared.core.errors import InvalidRequest
from shared.core.names import clean, harmless_file_name
from shared.jobs.reviews import ReviewState
from shared.jobs.shown import ShownItem

DEFAULT = "{class}/{name}"
#: Field → what stands for it.
FIELDS: dict[str, str] = {
    "class": "folder of the class, or of the photos without one",
    "label": "label of the class; as `class` where there is none",
    "name": "file name",
    "stem": "file name without its ending",
    "ext": "ending of the file name, with its dot",
    "folder": "folders of the photo in the job, joined by `_`",
    "index": "position in the job; `{index:06d}` fills with zeros",
    "confidence": "in per cent",
    "verdict": "`label`, `unsure`, `not_in_bank` or `failed`",
}
#: Bytes of one name that file systems take, less what " (1234567)" and ".xmp" add.
_NAME_BYTES = 230
_DIGITS = re.compile(r"0?\d{0,2}d?")


class Apart(StrEnum):
    """Photos without a class."""

    UNSURE = "unsure"
    NOT_IN_BANK = "not_in_bank"
    REJECTED = "rejected"
    FAILED = "failed"


#: Folders of photos without a class; the line sorts them before the classes.
APART: dict[Apart, str] = {
    Apart.UNSURE: "_unsure",
    Apart.NOT_IN_BANK: "_not-in-bank",
    Apart.REJECTED: "_not-a-fabric",
    Apart.FAILED: "_failed",
}
#: The same in Chinese.
APART_ZH: dict[Apart, str] = {
    Apart.UNSURE: "_不确定",
    Apart.NOT_IN_BANK: "_库中没有",
    Apart.REJECTED: "_非面料",
    Apart.FAILED: "_失败",
}


def apart(row: ShownItem) -> Apart | None:
    """Why a photo has no class; None where it has one."""
    if row["final_label"] is not None:
        return None
    if row["review"] == ReviewState.REJECTED:
        return Apart.REJECTED
    return Apart(row["verdict"]) if row["verdict"] in tuple(Apart) else Apart.FAILED


class Template:
    """A checked template.

    Raises InvalidRequest (`bad_template`): another field than `FIELDS`, a way up or to a root, or no field that names
    the photo.
    """

    def __init__(
        self, text: str = DEFAULT, classes: Mapping[str, str] | None = None, others: Mapping[Apart, str] | None = None
    ) -> None:
        """`classes`: label → its folder's name, where that is not the label. `others`: those of photos without one."""
        self._classes, self._others = classes or {}, others or APART
        self._parts = [_parsed(part) for part in text.split("/")]
        fields = {field for part in self._parts for _, field, _ in part if field}
        if not fields & {"name", "stem", "index"}:
            raise InvalidRequest("bad_template", reason="{name}, {stem} or {index}?", fields=_known())

    def place(self, row: ShownItem) -> str:
        """The photo's path in the tree, with `/` between its parts."""
        why = apart(row)
        label = row["final_label"]
        folder = self._others[why] if why else self._classes.get(label or "", label or "")
        name = basename(row["name"].replace("\\", "/"))
        stem, ext = splitext(name)
        above = row["name"].replace("\\", "/").rpartition("/")[0]
        confidence = row["confidence"]
        values: dict[str, str | int] = {
            "class": folder,
            "label": folder if label is None else label,
            "name": name,
            "stem": stem,
            "ext": ext,
            "folder": above.replace("/", "_"),
            "index": row["index"],
            "confidence": 0 if confidence is None else round(100 * confidence),
            "verdict": why.value if why else "label",
        }
        return "/".join(_written(part, values) for part in self._parts)


_Part = list[tuple[str, str | None, str]]


def _parsed(text: str) -> _Part:
    """(text, field, format) of one name. Raises InvalidRequest."""
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise InvalidRequest("bad_template", reason=str(error), fields=_known()) from None
    found = [(said, field, form or "") for said, field, form, _ in parsed]
    for _, field, form in found:
        numeric = field in ("index", "confidence")
        if field is not None and (field not in FIELDS or not (_DIGITS.fullmatch(form) if numeric else form == "")):
            raise InvalidRequest("bad_template", reason=f"{{{field}{':' if form else ''}{form}}}", fields=_known())
    whole = not any(conversion for *_, conversion in parsed)
    if not whole or not text.strip(". ") or "\\" in text:
        raise InvalidRequest("bad_template", reason=text or "//", fields=_known())
    return found


def _written(part: _Part, values: Mapping[str, str | int]) -> str:
    made = "".join(said + (format(values[field], form) if field else "") for said, field, form in part)
    name = harmless_file_name(clean(made))
    stem, ext = splitext(name)
    ext = ext.encode()[:40].decode(errors="ignore")
    # The ending says what a file is; what is cut off is before it.
    return stem.encode()[: _NAME_BYTES - len(ext.encode())].decode(errors="ignore") + ext


def _known() -> str:
    return ", ".join(f"{{{name}}}" for name in FIELDS)


def numbered(place: str, index: int) -> str:
    """Another path for a photo whose own is taken."""
    stem, ext = splitext(place)
    return f"{stem} ({index}){ext}"
