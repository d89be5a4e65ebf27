"""Fields of a result that come from the photo itself: from its pixels, and from what its file says of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from shared.core.i18n import N_, gettext
from shared.core.messages import sentence
from shared.jobs.field_model import Column, Field, Kind, entry, numbered
from shared.jobs.model import Item
from shared.jobs.splitting import Cutout
from shared.photos.box import Box

#: Dominant colours with export columns of their own.
COLOURS = 3
#: Place of columns that came after those of the job (`export/columns.py`).
AT_THE_END = 30_000
#: Behind the columns of groups of classes, which were released before it.
_OF_CARDS = 50_000


class Note(BaseModel):
    code: str
    message: str


class Defect(BaseModel):
    """Why a photo should be taken again."""

    #: One of `shared.bank.photo_gate.CODES`.
    code: str
    #: What to do, in the user's language.
    message: str
    #: So bad that the verdict is `unsure` where it would have been a definite result.
    severe: bool


class ColourOut(BaseModel):
    """A dominant colour."""

    #: sRGB, `#rrggbb`.
    hex: str
    #: CIELAB, relative to D65: L* 0…100, a*, b*.
    lab: list[float]
    #: Of the photo's pixels, 0…1.
    share: float
    #: In the user's language.
    name: str


def _colours(held: list[list[Any]], lang: str | None) -> list[dict[str, Any]]:
    return [{"hex": code, "lab": lab, "share": share, "name": gettext(name, lang)} for code, lab, share, name in held]


def _notes(held: list[list[Any]], lang: str | None) -> list[dict[str, str]]:
    return [{"code": code, "message": sentence(code, lang, **values)} for code, values in held]


def _defects(held: list[list[Any]] | dict[str, Any], lang: str | None) -> list[dict[str, Any]] | None:
    # Numbers alone: no bank has judged them.
    if isinstance(held, dict):
        return None
    return [{"code": code, "message": sentence(f"retake_{code}", lang), "severe": severe} for code, severe in held]


def _codes(defects: list[dict[str, Any]] | None) -> str | None:
    return " ".join(defect["code"] for defect in defects) if defects else None


def _messages(notes: list[dict[str, Any]] | None) -> str | None:
    return " ".join(note["message"] for note in notes) if notes else None


def _moment(taken: str) -> str:
    return datetime.fromisoformat(taken).strftime("%Y-%m-%d %H:%M")


def _product(size: list[int]) -> str:
    return " × ".join(str(side) for side in size)


def _detail(
    name: str, json: Any, meaning: str, label: str, *columns: Column, text: Callable[[Any], str] = str
) -> Field:
    """A fact of the file, as one of the photo's folded details."""
    return Field(name, json, meaning, label=label, version=1, from_file=True, folded=True, text=text, columns=columns)


class PartOut(BaseModel):
    """Where a swatch lies on its card."""

    #: SHA-256 of the card's photo.
    whole: str
    #: x, y, width and height in shares of it.
    box: list[float]
    #: The name of the card's photo; null where it was not noted.
    card: str | None = None


def _part(held: list[Any], lang: str | None) -> dict[str, Any]:
    part = Cutout.from_json(held)
    return {"whole": part.whole, "box": list(part.box), "card": part.card or None}


def fields_of(item: Item) -> dict[str, Any]:
    """Fields that come from the item, not from its photo, by `Field.key`."""
    return {PART.key: item.part.to_json()} if item.part else {}


#: Of the item, not of its photo: the same bytes may be cut out of two cards.
PART = Field(
    "part",
    PartOut | None,
    "Of a swatch that was cut out of a photo of a card: `{whole box card}`, the SHA-256 of that photo, where in it, as"
    " x, y, width and height in shares of it, and its name",
    label=N_("Place on the swatch card"),
    version=1,
    render=_part,
    text=lambda part: Box(*part["box"]).told(),
    folded=True,
    columns=(
        Column("card_sha256", cell=entry("whole"), place=_OF_CARDS),
        Column("card", cell=entry("card"), width=22, place=_OF_CARDS),
    ),
)

PHOTO_FIELDS: tuple[Field, ...] = (
    PART,
    Field(
        "colours",
        list[ColourOut] | None,
        "Up to 3 dominant colours `{hex lab share name}`, the largest first; `lab` is CIELAB, `share` 0…1",
        label=N_("Colours"),
        version=1,
        from_pixels=True,
        render=_colours,
        columns=numbered(
            COLOURS,
            Column("colour", cell=entry("name")),
            Column("colour_hex", cell=entry("hex")),
            Column("colour_share", Kind.NUMBER, entry("share")),
        ),
    ),
    Field(
        "quality",
        list[Defect] | None,
        "Why the photo should be taken again, `{code message severe}`; empty: nothing is wrong with it; null: not"
        " examined",
        label=N_("Take again"),
        version=1,
        from_pixels=True,
        render=_defects,
        text=lambda defects: _messages(defects) or "",
        columns=(
            Column("quality", cell=_codes, width=22, place=AT_THE_END),
            Column("retake", cell=_messages, width=40, place=AT_THE_END),
        ),
    ),
    Field(
        "fingerprint",
        str | None,
        "What the photo looks like, 64 bits as 16 hex digits: copies that were resized or compressed again differ in"
        " few of them",
        version=1,
        from_pixels=True,
    ),
    Field(
        "notes",
        list[Note] | None,
        "What is odd about the file, `{code message}`: a damaged colour profile or EXIF, several pages, HDR",
        label=N_("Notes"),
        version=1,
        from_file=True,
        render=_notes,
        text=lambda notes: _messages(notes) or "",
        columns=(Column("notes", cell=_messages, width=40),),
    ),
    _detail("camera", str | None, "Make and model of the camera, from EXIF", N_("Camera"), Column("camera", width=22)),
    _detail(
        "taken",
        str | None,
        "When the photo was taken, by the camera's clock: ISO 8601, with the offset from UTC where EXIF has it",
        N_("Taken"),
        Column("taken", width=22),
        text=_moment,
    ),
    _detail(
        "size",
        list[int] | None,
        "Width and height of the file's picture, upright, in pixels",
        N_("Size"),
        Column("width", Kind.INTEGER, entry(0)),
        Column("height", Kind.INTEGER, entry(1)),
        text=_product,
    ),
    _detail(
        "profile",
        str | None,
        "Name of the colour profile that was converted to sRGB; null where the file has none and is taken as sRGB",
        N_("Colour profile"),
        Column("colour_profile", width=22),
    ),
    _detail(
        "orientation",
        int | None,
        "EXIF orientation of the file, 1…8; the picture is turned upright",
        N_("Orientation"),
        Column("orientation", Kind.INTEGER),
    ),
)
