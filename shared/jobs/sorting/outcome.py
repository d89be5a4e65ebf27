"""How photos are placed, and what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

#: Photos that are named in the report, of each reason.
_NAMED = 20


class Way(StrEnum):
    LINK = "link"
    HARDLINK = "hardlink"
    COPY = "copy"


@dataclass(slots=True)
class Sorted:
    """What a run did, or would do."""

    made: int = 0
    #: Were there already; among them files that somebody has changed since, which are left alone.
    kept: int = 0
    changed: int = 0
    #: To another folder, because their class has changed.
    moved: int = 0
    sidecars: int = 0
    #: Not written, because a sidecar of somebody else is there.
    sidecars_refused: int = 0
    #: Failed photos that have no file.
    without_file: int = 0
    #: Reason → photos that could not be placed: `missing changed in_the_way unreadable`; and some of them by name.
    problems: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[str]] = field(default_factory=dict)
    #: Folder → photos.
    folders: Counter[str] = field(default_factory=Counter)

    def tell(self, name: str, reason: str) -> None:
        """A photo that could not be placed."""
        self.problems[reason] += 1
        named = self.named.setdefault(reason, [])
        if len(named) < _NAMED:
            named.append(name)


@dataclass(slots=True)
class Undone:
    removed: int = 0
    #: Changed since, or replaced: not removed.
    left: int = 0
