"""Typed JSON documents: what a file, a heartbeat or a report holds."""

from __future__ import annotations

import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


def parse_json(text: str | bytes) -> Any:
    """What `json.loads` gives. Raises ValueError, also for text that nests deeper than the parser goes."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


class Document(BaseModel):
    """A JSON object with named fields; immutable.

    A document is written with the fields that it was given, in the order in which they are declared, so that a field
    with a default is optional in the file as well. Keys that only a later version knows are kept, behind the others.
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """From parsed JSON. Raises ValueError where a required field is missing or of another type."""
        return cls.model_validate(document)

    def to_json(self) -> dict[str, Any]:
        """What `json.dumps` takes."""
        return self.model_dump(by_alias=True, exclude_unset=True)
