"""What the fault tests measured: a table on the terminal, and build/faults.json."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[2] / "build" / "faults.json"


class Record:
    """Seconds until work went on, a fault and run."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, fault: str, seconds: float) -> None:
        """One run whose invariants held: nothing lost, nothing doubled."""
        self._seconds[fault].append(seconds)

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "fault": fault,
                "runs": len(seconds),
                "median_s": round(statistics.median(seconds), 2),
                "worst_s": round(max(seconds), 2),
                # A run in which one photo was lost or doubled fails, and is not in here.
                "lost": 0,
                "doubled": 0,
            }
            for fault, seconds in self._seconds.items()
        ]

    def write(self) -> None:
        TARGET.parent.mkdir(exist_ok=True)
        TARGET.write_text(json.dumps(self.rows(), indent=1) + "\n", encoding="utf-8")

    def table(self) -> list[str]:
        lines = [f"{'fault':<52}{'runs':>5}{'median s':>10}{'worst s':>9}{'lost':>6}{'doubled':>9}"]
        for r in self.rows():
            numbers = f"{r['runs']:>5}{r['median_s']:>10}{r['worst_s']:>9}{r['lost']:>6}{r['doubled']:>9}"
            lines.append(f"{r['fault']:<52}{numbers}")
        return lines
