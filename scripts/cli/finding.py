"""One line of the doctor's report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report. `state`: ok, note (works, but be told) or broken."""

    what: str
    state: str
    text: str
