"""What is wrong with a field of the collections' forms, in the visitor's words rather than in those of a library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from shared.core.errors import InvalidRequest
from shared.core.i18n import LazyText as _l

F = TypeVar("F", bound=BaseModel)

#: Field → what the form calls it.
FIELDS = {
    "name": _l("Name"),
    "folders": _l("Folders on the server, one per line"),
    "include": _l("Only files that fit, one pattern per line"),
    "exclude": _l("No files that fit, one pattern per line"),
    "formats": _l("Only these file endings"),
    "depth": _l("Levels of sub-folders; empty: all"),
    "at": _l("Run at"),
    "days": _l("On these days; none: every day"),
    "zone": _l("Time zone"),
    "preset": _l("Speed and accuracy"),
    "priority": _l("Priority"),
    "bank": _l("Bank"),
    "since": _l("Changed since"),
}
#: What pydantic calls a fault → the same in words.
FAULTS = {
    "string_too_long": _l("at most %(max_length)s characters"),
    "too_long": _l("at most %(max_length)s lines"),
    "int_parsing": _l("a whole number is needed"),
    "int_from_float": _l("a whole number is needed"),
    "greater_than_equal": _l("%(ge)s at least"),
    "less_than_equal": _l("%(le)s at most"),
}
_OTHER = _l("this cannot be chosen")


def read(model: type[F], fields: Mapping[str, object]) -> F:
    """The fields of a form as the API takes them. Raises InvalidRequest (`collection_…`)."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        at = [str(part) for part in first["loc"]]
        if at == ["folders"] and first["type"] in ("missing", "too_short"):
            raise InvalidRequest("collection_no_folder") from error
        field = next((FIELDS[part] for part in reversed(at) if part in FIELDS), ".".join(at))
        reason = str(FAULTS.get(first["type"], _OTHER)) % first.get("ctx", {})
        raise InvalidRequest("collection_field", field=str(field), reason=reason) from error
