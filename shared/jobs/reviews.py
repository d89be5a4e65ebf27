"""What people say about results: a state for each photo, and the acts by which it came about."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReviewState(StrEnum):
    TODO = "todo"
    #: The predicted class is right.
    CONFIRMED = "confirmed"
    #: Another class is right.
    CORRECTED = "corrected"
    #: No photo of a fabric.
    REJECTED = "rejected"


#: States of photos that somebody has looked at.
REVIEWED = (ReviewState.CONFIRMED, ReviewState.CORRECTED, ReviewState.REJECTED)


@dataclass(frozen=True, slots=True)
class Review:
    """What is said of one photo or of many.

    A `label` names the right class, and decides between confirmed and corrected by itself; without one, `state` says
    which of the others is meant.
    """

    state: ReviewState = ReviewState.TODO
    #: Any name of a class.
    label: str | None = None
    #: A class may be made of `label`.
    new_class: bool = False


@dataclass(frozen=True, slots=True)
class ReviewAct:
    """One thing that somebody did; it can be undone."""

    act: int
    #: Photos whose review it changed.
    photos: int
    #: Seconds since the epoch.
    at: float
    #: Name of the key or account; None where nobody has to log in.
    who: str | None
    state: ReviewState
    label: str | None
