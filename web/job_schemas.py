"""The JSON of what is done with a job as a whole."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.jobs.comparison import Change
from shared.jobs.model import Priority
from web.schemas import Hours, ItemOut, JobOut, JobWish


class JobChange(BaseModel):
    """What can be changed of a job: its name at any time, the others until it has ended."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] | None = None
    priority: Priority | None = None
    #: As at its submission; empty: it works at any hour.
    window: Hours | None = None
    #: As at its submission; null takes it away.
    deadline: datetime | None = None

    #: Run it next: it has all turns of its priority until it is done. False: it takes turns again.
    first: bool | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        wished = (self.name, self.priority, self.window, self.first)
        if "deadline" not in self.model_fields_set and not any(wish is not None for wish in wished):
            raise ValueError("name, priority, window, deadline or first is needed")
        return self


class RetryItems(BaseModel):
    """Failed photos, by their positions in the job."""

    model_config = ConfigDict(extra="forbid")

    items: list[Annotated[int, Field(ge=0, lt=2**32)]] = Field(min_length=1, max_length=100_000)


class Rerun(JobWish):
    """The same photos once more; what is left out stays as it was, but for the version of the bank, which is the active
    one."""


class CompareQuery(BaseModel):
    #: Only this kind of change; without it, everything that changed.
    change: Change | None = None
    #: Place of the first photo, from 0 on.
    start: int = Field(0, ge=0, lt=2**53)
    limit: int = Field(48, ge=1, le=500)


class Compared(BaseModel):
    """One photo in both jobs; null where a job has no result of it."""

    change: Change
    first: ItemOut | None
    second: ItemOut | None


class ComparisonOut(BaseModel):
    """What the second job answers otherwise than the first."""

    first: JobOut
    second: JobOut
    #: Photos of each kind of change.
    counts: dict[Change, int]
    #: Photos whose answer is another one.
    changed: int
    #: Photos to which a person gave a class, and in how many of them the first class of each job is that one.
    reviewed: int
    first_right: int
    second_right: int
    items: list[Compared]
    #: Pass as `start` for the next page.
    next: int | None
