"""The JSON of uploads in many requests."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.jobs.model import Priority
from shared.jobs.splitting import Split
from web.limits import NAME_LENGTH

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class UploadOut(BaseModel):
    """Times in seconds since the epoch."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    preset: str
    #: The id of the bank, or the version, that was asked for.
    bank: str | None
    created: float
    #: Put off by every file.
    expires: float
    #: Files that have arrived, and their bytes.
    files: int
    bytes: int
    #: The job that it became.
    job: str | None
    priority: Priority
    window: str | None
    deadline: float | None
    split: Split | None
    #: Of whoever sends it now; 0 began it (see `resume`).
    sender: int


class OfferedFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    #: The sender's own number of the file, from 0 on; the job has its photos in this order.
    position: int = Field(ge=0, lt=10**9)
    name: Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH)]
    sha256: Sha256
    #: Bytes.
    size: int = Field(ge=0, lt=2**53)


class Offer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    files: list[OfferedFile] = Field(min_length=1, max_length=1000)
    #: Of whom, as `resume` told it, or 0 for who began; where it is left out, it is not asked whose the upload is.
    sender: int | None = Field(default=None, ge=0, lt=10**9)


class Offered(BaseModel):
    #: Positions of the files that have to be sent.
    missing: list[int]


class UploadFileOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    position: int
    name: str
    sha256: str
    size: int


class UploadFiles(BaseModel):
    files: list[UploadFileOut]


class Resumed(UploadFiles):
    #: To be named with `offer`, `photos` and `join`.
    sender: int


class Part(BaseModel):
    sha256: str
    #: Bytes.
    size: int


class Parts(BaseModel):
    parts: list[Part]


class Join(BaseModel):
    model_config = ConfigDict(extra="forbid")

    #: Of the file, as in `OfferedFile`.
    position: int = Field(ge=0, lt=10**9)
    name: Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH)]
    #: SHA-256 of its parts, in order.
    parts: list[Sha256] = Field(min_length=1, max_length=10_000)
    #: As in `Offer`.
    sender: int | None = Field(default=None, ge=0, lt=10**9)


class Finished(BaseModel):
    model_config = ConfigDict(extra="forbid")

    #: How many files the upload has.
    files: int = Field(ge=1, lt=10**9)
