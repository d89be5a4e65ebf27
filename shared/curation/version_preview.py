"""What `preview` finds, as files and the API hold it. No numpy here."""

from __future__ import annotations

from enum import StrEnum

from shared.core.documents import Document
from shared.ranking.model import Verdict


class AnswerChange(StrEnum):
    """How a photo's answer differs between two versions."""

    RELABELLED = "relabelled"
    #: A label where there was none.
    GAINED = "gained"
    #: The reverse.
    LOST = "lost"
    #: Unsure, with another guess.
    GUESSED = "guessed"
    #: Unsure instead of not in bank, or the reverse.
    WAVERED = "wavered"


class Answer(Document):
    verdict: Verdict
    label: str | None
    confidence: float
    #: Id of the nearest sample of that class.
    sample: str | None


class ChangedPhoto(Document):
    """A photo whose answer would change."""

    job: str
    job_name: str
    index: int
    name: str
    #: The label that people gave it.
    corrected: str | None
    kind: AnswerChange
    before: Answer
    after: Answer


class CorrectedPhotos(Document):
    """Photos that people corrected and that are no samples of the new version themselves."""

    photos: int
    right_before: int
    right_after: int


class VersionPreview(Document):
    """How the latest photos would be answered by `new` instead of `old`."""

    old: str
    new: str
    photos: int
    changed: int
    #: Kind of change → photos.
    kinds: dict[AnswerChange, int]
    corrected: CorrectedPhotos
    #: The first of those that change.
    items: list[ChangedPhoto]
