"""The JSON of keys and the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.access.scopes import Scope

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)]


class Me(BaseModel):
    #: Null where no key is needed.
    name: str | None
    scopes: list[Scope]
    #: `open`, `key`, `session` or `proxy`.
    via: str


class KeyWish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    #: Seconds since the epoch; null: never.
    expires: float | None = Field(None, allow_inf_nan=False)


class KeyOut(BaseModel):
    """Times in seconds since the epoch."""

    name: str
    scopes: list[str]
    created: float
    expires: float | None
    expired: bool
    #: Who created it.
    by: str | None


class KeyMade(KeyOut):
    #: The key itself.
    key: str


class KeyList(BaseModel):
    keys: list[KeyOut]


class AuditQuery(BaseModel):
    who: Text | None = None
    act: Text | None = None
    #: A job, a key, a version.
    what: Text | None = None
    before: int | None = Field(None, ge=0, lt=2**63)
    limit: int = Field(100, ge=1, le=1000)

    @model_validator(mode="before")
    @classmethod
    def _empty_means_unset(cls, values: Any) -> Any:
        """A form sends its empty fields, too."""
        return {name: value for name, value in values.items() if value != ""} if isinstance(values, dict) else values


class AuditEvent(BaseModel):
    """`at` in seconds since the epoch."""

    id: int
    at: float
    who: str
    act: str
    what: str
    via: str
    address: str


class AuditList(BaseModel):
    events: list[AuditEvent]
    #: Pass as `before` for the next page.
    next: int | None
