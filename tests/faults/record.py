"""What the fault tests measured: a table on the terminal, and build/faults.json.

Lost and doubled photos are counted in the ledger and its projection by `invariants.check`, also when a test fails.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[2] / "build" / "faults.json"


@dataclass
class Record:
    """One fault, all its runs."""

    fault: str
    #: Until work went on, a run.
    seconds: list[float] = field(default_factory=list)
    #: Jobs held against the invariants.
    jobs: int = 0
    lost: int = 0
    doubled: int = 0
    failed: bool = False

    def recovered(self, seconds: float) -> None:
        """Work went on so long after the fault struck, or was over, as the test says."""
        self.seconds.append(seconds)

    def counted(self, lost: int, doubled: int) -> None:
        """One job's photos without an outcome, and outcomes beyond one a photo."""
        self.jobs += 1
        self.lost += lost
        self.doubled += doubled

    def row(self) -> dict[str, Any]:
        return {
            "fault": self.fault,
            "runs": len(self.seconds),
            "median_s": round(statistics.median(self.seconds), 2) if self.seconds else None,
            "worst_s": round(max(self.seconds), 2) if self.seconds else None,
            "jobs": self.jobs,
            "lost": self.lost,
            "doubled": self.doubled,
            "passed": not self.failed,
        }


def write(records: list[Record], target: Path = TARGET) -> None:
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps([r.row() for r in records], indent=1) + "\n", encoding="utf-8")


def table(records: list[Record]) -> list[str]:
    lines = [f"{'fault':<58}{'runs':>5}{'median s':>10}{'worst s':>9}{'jobs':>6}{'lost':>6}{'doubled':>9}"]
    for record in records:
        r = record.row()
        median, worst = ("-" if r[k] is None else f"{r[k]:.2f}" for k in ("median_s", "worst_s"))
        numbers = f"{r['runs']:>5}{median:>10}{worst:>9}{r['jobs']:>6}{r['lost']:>6}{r['doubled']:>9}"
        lines.append(f"{r['fault'][:57]:<58}{numbers}{'' if r['passed'] else '  FAILED'}")
    return lines
