"""What is known of a watched collection: how it is watched, and what has arrived."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: How: the file system says when something changes; or the folders are looked at again and again.
EVENTS, POLLING = "events", "polling"


@dataclass(frozen=True, slots=True)
class Watching:
    """How a collection is watched now."""

    #: `EVENTS` or `POLLING`.
    how: str
    #: Why nothing can begin now, and the values of that sentence; None: nothing stands in the way.
    code: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a look found."""

    #: Files that a run would take up now.
    ready: int
    #: Those, and the files that are still being written.
    waiting: int
    #: The same for the same files of the same sizes and times; empty where nothing waits.
    signs: bytes
