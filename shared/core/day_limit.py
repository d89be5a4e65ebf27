"""A share of the processor at certain hours, as people write it: `50%@08:00-20:00 mon-fri Asia/Shanghai`."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from shared.core.errors import InvalidRequest
from shared.core.window import Window, closes, parsed

_TEXT = re.compile(r"\s*(\d{1,3})\s*%\s*@\s*(.+)")


@dataclass(frozen=True, slots=True)
class DayLimit:
    #: 0…1, without 0.
    share: float
    window: Window

    @classmethod
    def of(cls, text: str) -> DayLimit | None:
        """None for an empty text. Raises ValueError."""
        if not text.strip():
            return None
        found = _TEXT.fullmatch(text)
        if not found or not 1 <= int(found[1]) <= 100:
            raise ValueError("a share and hours such as 50%@08:00-20:00")
        try:
            return cls(int(found[1]) / 100, parsed(found[2]))
        except InvalidRequest as error:
            raise ValueError(str(error)) from error

    @property
    def now(self) -> float | None:
        """The share at this moment; None while there is no limit."""
        return self.share if closes(self.window, time.time()) is not None else None

    def at(self, now: float) -> float:
        """The share at a moment, in seconds since the epoch."""
        return self.share if closes(self.window, now) is not None else 1.0
