"""A row of a version's `samples.jsonl` and `aside.jsonl`. No numpy here: pages read them too."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

from shared.bank.measures import Measures

_FIELDS = ("id", "label", "name", "sha256", "thumb", "reason")


@dataclass(frozen=True, slots=True)
class Sample:
    """A photo of a bank's class. Not a pydantic model: a bank may have millions."""

    #: Stable over versions, 16 hex digits: see `shared.curation.writer.sample_id`.
    id: str
    label: str
    #: The photo's path in the folder or job that it came from.
    name: str
    #: Of the photo's file; empty for an imported vector.
    sha256: str
    #: Whether the version holds a thumbnail.
    thumb: bool = False
    #: None for an imported vector, and for a corrected photo.
    measures: Measures | None = None
    #: Why curation set the sample aside: `across duplicate blurred dark overexposed tiny surplus by_hand`.
    reason: str | None = None
    #: Keys that only a later version knows.
    more: tuple[tuple[str, Any], ...] = field(default=(), repr=False)

    @classmethod
    def from_json(cls, row: Any) -> Self:
        """Raises ValueError where a required key is missing."""
        try:
            measures = Measures.from_json(row)
            known = {name: row[name] for name in _FIELDS if name in row}
            used = {*known, *(Measures.NAMES if measures else ())}
            return cls(measures=measures, more=tuple((k, v) for k, v in row.items() if k not in used), **known)
        except (AttributeError, KeyError, TypeError) as failure:
            raise ValueError(f"not a sample: {failure}") from failure

    def to_json(self) -> dict[str, Any]:
        """The row, in the order of the file."""
        row = {name: getattr(self, name) for name in _FIELDS[:-1]}
        row |= self.measures.to_json() if self.measures else {}
        row |= dict(self.more)
        return row if self.reason is None else row | {"reason": self.reason}

    def set_aside(self, reason: str) -> Sample:
        return replace(self, reason=reason)

    def put_back(self) -> Sample:
        return replace(self, reason=None)
