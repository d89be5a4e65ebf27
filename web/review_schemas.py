"""The JSON of reviews: of one photo, of many in one act, and what an act did."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.jobs.reviews import Review, ReviewState, Skip
from web.schemas import ItemFilters


class ReviewIn(BaseModel):
    """What a person says of a photo: `label` or `review`."""

    model_config = ConfigDict(extra="forbid")

    #: The right class, by its label or any of its names; null with no `review` takes back what was said.
    label: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] | None = None
    #: The label is to become a class of its own where no class has this name.
    new_class: bool = False
    #: Without a label: the predicted class is right, the photo shows no fabric, or nothing is said any more.
    review: Literal["todo", "confirmed", "rejected"] | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.label is not None and self.review is not None:
            raise ValueError("label and review exclude each other")
        if not {"label", "review"} & self.model_fields_set:
            raise ValueError("label or review is needed")
        return self

    @property
    def wish(self) -> Review:
        return Review(ReviewState(self.review or "todo"), self.label, self.new_class)


class ReviewManyIn(ReviewIn):
    """The same for many photos at once: those of `items`, or all that `filters` let through."""

    items: Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Field(min_length=1, max_length=100_000)] | None = None
    filters: ItemFilters | None = None
    #: Photos among them that stay as they are. Failed photos are never confirmed.
    skip: Annotated[list[Literal[Skip.NOT_IN_BANK, Skip.REVIEWED]], Field(max_length=2)] = []
    #: Only say what it would change; `act` is null then.
    preview: bool = False

    @model_validator(mode="after")
    def _chooses_in_one_way(self) -> Self:
        if (self.items is None) == (self.filters is None):
            raise ValueError("either items or filters")
        return self

    @property
    def wish(self) -> Review:
        return replace(super().wish, skip=frozenset(Skip(skip) for skip in self.skip))


class GivenClass(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    label: str
    photos: int


class SkippedPhotos(BaseModel):
    not_in_bank: int = 0
    reviewed: int = 0
    failed: int = 0


class ReviewActOut(BaseModel):
    """One act of review; `act` is what undoing it takes."""

    model_config = ConfigDict(from_attributes=True)

    act: int | None
    photos: int
    #: Seconds since the epoch.
    at: float
    who: str | None
    state: ReviewState
    label: str | None


class ReviewDoneOut(ReviewActOut):
    """An act that was just done, or asked for as a `preview`."""

    #: The classes that its photos get, the largest first.
    classes: list[GivenClass]
    #: Photos that were chosen and stay as they are.
    skipped: SkippedPhotos
    #: The same in the user's language: “Confirmed: 41 × denim, 12 × poplin. 8 not in the bank stay to do.”
    message: str


class ReviewActs(BaseModel):
    acts: list[ReviewActOut]
