"""The fields of a result, declared once.

From this table come the ledger's rows (`ledger/wire.py`), the projection's columns (`result_rows.py`), the API's schema
(`web/schemas.py`), the exports (`export/`), what pages show in addition (`templates/parts/card.html`) and the table in
docs/data-model.md. A new field goes into `EXTRA`: its values travel in one generic column, `extra`, and nothing else
has to know it. CONTRIBUTING.md has the recipe.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel

from shared.core.i18n import N_, language
from shared.core.messages import sentence
from shared.core.names import readable
from shared.jobs.field_model import Column, Field, Kind, Part, Stored, Values, entry, numbered
from shared.jobs.photo_fields import PHOTO_FIELDS, Note
from shared.jobs.reviews import ReviewState
from shared.jobs.shown import ShownCandidate, ShownError
from shared.ranking.model import Candidate, Verdict

#: Candidates with export columns of their own: those of the first release, and those that came later.
TOP, ALL = 3, 5
Status = Literal["ok", "failed"]
_JSON = json.JSONEncoder(ensure_ascii=False)


class CandidateOut(BaseModel):
    label: str
    score: float
    sample: str | None


def _round(value: float) -> float:
    return round(value, 4)


def _pack_candidates(candidates: tuple[Candidate, ...]) -> list[list[Any]]:
    return [[label, round(score, 4), sample] for label, score, sample in candidates]


def _unpack_candidates(rows: list[list[Any]]) -> tuple[Candidate, ...]:
    return tuple(map(Candidate._make, rows))


def _candidates(values: Values, lang: str | None) -> list[ShownCandidate]:
    return [{"label": label, "score": score, "sample": sample} for label, score, sample in values["candidates"]]


def _readable(detail: dict[str, Any]) -> dict[str, Any]:
    return {name: readable(value) if isinstance(value, str) else value for name, value in detail.items()}


def _present(extra: dict[str, Any]) -> dict[str, Any]:
    # Most photos have no note, no profile and no camera: rows need not say so.
    return {key: value for key, value in extra.items() if value is not None}


def _final_label(values: Values, lang: str | None) -> str | None:
    if values.get("review") == ReviewState.REJECTED:
        return None
    said: str | None = values.get("said")
    return said or (values["label"] if values["verdict"] == Verdict.LABEL else None)


def _error(values: Values, lang: str | None) -> ShownError | None:
    code: str | None = values["code"]
    return {"code": code, "message": sentence(code, lang, **values["detail"])} if code else None


def _placed(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns of the first candidates where they have always been, those of later ones behind all others."""
    return tuple(replace(column, place=9 if int(column.name[-1]) <= TOP else 20_000) for column in columns)


#: In the order of the API's JSON.
_BASE = (
    Field(
        "index",
        int,
        "Position in the job, from 0",
        stored=(Stored("idx", "INTEGER PRIMARY KEY", "index"),),
        columns=(Column("index", Kind.INTEGER, place=1),),
    ),
    Field(
        "name",
        str,
        "Name of the file, as the user knows it",
        stored=(Stored("name", "TEXT NOT NULL", "name", unpack=readable),),
        columns=(Column("name", width=36, place=2),),
    ),
    Field(
        "generation",
        int,
        "Raised by every retry",
        stored=(Stored("generation", "INTEGER NOT NULL", "generation"),),
        public=False,
    ),
    Field(
        "sha256",
        str | None,
        "SHA-256 of the file; null where it could not be read",
        stored=(Stored("sha256", "TEXT", "sha256"),),
        columns=(Column("sha256", place=13),),
    ),
    Field(
        "status",
        Status,
        "Whether there is a result",
        stored=(Stored("status", "TEXT NOT NULL", "status", Part.NONE),),
        columns=(Column("status", place=3),),
    ),
    Field(
        "cached",
        bool,
        "Answered from the embedding cache",
        stored=(Stored("cached", "INTEGER NOT NULL", "cached", pack=int, unpack=bool),),
        show=lambda values, lang: bool(values["cached"]),
        columns=(Column("cached", Kind.FLAG, place=10),),
    ),
    Field(
        "verdict",
        Verdict | None,
        "Kind of result; null for a failed photo",
        stored=(Stored("verdict", "TEXT", "verdict", Part.RANKING, str, Verdict),),
        columns=(Column("verdict", place=5),),
    ),
    Field(
        "label",
        str | None,
        "The best class, also where the verdict is not `label`",
        stored=(Stored("label", "TEXT", "label", Part.RANKING),),
        columns=(Column("label", width=22, place=4),),
    ),
    Field(
        "confidence",
        float | None,
        "Probability (0…1) that `label` is right",
        stored=(Stored("confidence", "REAL", "confidence", Part.RANKING, _round),),
        columns=(Column("confidence", Kind.NUMBER, place=6),),
    ),
    Field(
        "margin",
        float | None,
        "Difference of the two best classes' probabilities, 0…1",
        stored=(Stored("margin", "REAL", "margin", Part.RANKING, _round),),
        columns=(Column("margin", Kind.NUMBER, place=7),),
    ),
    Field(
        "candidates",
        list[CandidateOut],
        "The best classes with score and nearest sample, best first",
        stored=(
            Stored("candidates", "TEXT", "candidates", Part.RANKING, _pack_candidates, _unpack_candidates, empty=[]),
        ),
        show=_candidates,
        columns=_placed(
            numbered(
                ALL,
                Column("class", cell=entry("label"), width=22),
                Column("score", Kind.NUMBER, entry("score")),
                Column("sample", cell=entry("sample")),
            )
        ),
    ),
    Field(
        "error",
        Note | None,
        "Why a photo failed: stable code, and a sentence in the user's language",
        stored=(
            Stored("code", "TEXT", "error_code"),
            Stored("detail", "TEXT", "error_detail", unpack=_readable, empty={}),
        ),
        show=_error,
        columns=(
            Column("error", cell=entry("code"), place=11),
            Column("message", cell=entry("message"), width=40, place=12),
        ),
    ),
    # What people say is not stored with the result: the projection joins its table of reviews.
    Field(
        "corrected",
        str | None,
        "The class that a person assigned in place of the predicted one",
        columns=(Column("corrected", place=8),),
    ),
    Field(
        "review",
        ReviewState,
        "What a person said: `todo` (nothing yet), `confirmed`, `corrected`, `rejected` (no photo of a fabric)",
        show=lambda values, lang: values.get("review") or ReviewState.TODO,
        columns=(Column("review"),),
    ),
    Field(
        "final_label",
        str | None,
        "The class that counts: a person's, or else the predicted one of a photo with the verdict `label`; null for the"
        " unsure ones that nobody has reviewed, and for rejected ones",
        show=_final_label,
        columns=(Column("final_label", width=22),),
    ),
    Field(
        "reviewed_at",
        float | None,
        "When it was reviewed: seconds since the epoch",
        columns=(Column("reviewed_at", Kind.NUMBER),),
    ),
    Field("reviewed_by", str | None, "Who reviewed it: the name of a key or account", columns=(Column("reviewed_by"),)),
    Field(
        "extra",
        dict[str, Any],
        "Fields that were added later, by name and version (`name/1`)",
        stored=(Stored("extra", "TEXT", "extra", pack=_present, unpack=dict, empty={}),),
        public=False,
    ),
)


class ParentOut(BaseModel):
    """The group of classes that an unsure photo shows."""

    label: str
    #: In the user's language.
    name: str
    #: Summed probability of its classes, 0…1.
    confidence: float


def _parent(held: list[Any], lang: str | None) -> dict[str, Any]:
    label, confidence, zh, en = held
    return {"label": label, "name": (zh if (lang or language()) == "zh" else en) or label, "confidence": confidence}


#: Place of columns that came after `views`, which is of the job (`export/columns.py`).
_LAST = 40_000
#: The verdict of such a photo stays `unsure`, and nothing else changes: only this says more.
PARENT = Field(
    "parent",
    ParentOut | None,
    "The group of classes `{label name confidence}` that an unsure photo shows for certain, as the bank names its"
    " classes' parents; null where the class is certain, or its parent is not",
    label=N_("Group of classes"),
    version=1,
    render=_parent,
    text=lambda parent: str(parent["name"]),
    columns=(
        Column("parent", cell=entry("label"), width=22, place=_LAST),
        Column("parent_name", cell=entry("name"), width=22, place=_LAST),
        Column("parent_confidence", Kind.NUMBER, entry("confidence"), place=_LAST),
    ),
)

#: Fields that were added later. Each has a `version`, and a `text` or a template `parts/fields/NAME.html` for the page.
EXTRA: tuple[Field, ...] = (*PHOTO_FIELDS, PARENT)

FIELDS = (*_BASE, *EXTRA)
STORED = tuple(stored for f in FIELDS for stored in f.stored)
#: What API, command line and exports show.
PUBLIC = tuple(f for f in FIELDS if f.public)
#: (field, column) of the table formats, in their order.
COLUMNS = tuple(sorted(((f, c) for f in PUBLIC for c in f.columns), key=lambda pair: pair[1].place))
#: What the pipeline computes from the pixels.
FROM_PIXELS = tuple(f for f in EXTRA if f.from_pixels)
#: What the pipeline takes from the facts of the file.
FROM_FILE = tuple(f for f in EXTRA if f.from_file)


def from_sql(stored: Stored, value: Any) -> Any:
    """A column's value as plain JSON."""
    if not stored.json_text:
        return value
    return stored.empty if value is None else json.loads(value)


def to_sql(stored: Stored, value: Any) -> Any:
    """A plain JSON value as the column holds it; an empty list or object is NULL."""
    if not stored.json_text:
        return value
    return _JSON.encode(value) if value else None
