"""What people say about results: a state for each photo, and the acts by which it came about."""

from __future__ import annotations

from dataclasses import dataclass, field
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


class Skip(StrEnum):
    """Photos of a selection that an act leaves as they are."""

    #: No class of the bank was similar enough: the nearest one is no answer.
    NOT_IN_BANK = "not_in_bank"
    #: Somebody has looked at them.
    REVIEWED = "reviewed"
    #: Without a class to confirm; always skipped by a confirmation, never asked for.
    FAILED = "failed"


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
    skip: frozenset[Skip] = frozenset()


@dataclass(frozen=True, slots=True)
class ReviewAct:
    """One thing that somebody did; it can be undone."""

    #: None: it was only asked what it would change.
    act: int | None
    #: Photos whose review it changed.
    photos: int
    #: Seconds since the epoch.
    at: float
    #: Name of the key or account; None where nobody has to log in.
    who: str | None
    state: ReviewState
    label: str | None
    #: Photos by the class that the act gives them; empty in lists of past acts.
    classes: dict[str, int] = field(default_factory=dict)
    #: Photos that were chosen and left as they are, by reason; empty in lists of past acts.
    skipped: dict[Skip, int] = field(default_factory=dict)
