"""What cleaning and a chosen ranking make of a bank in the old format:
`python -m scripts.lab.bench.legacy BANK.npz --model "A + B" [--columns 512:1536]`.

Leave-one-out asks the same photos before and after: the distinct ones that sit in one class. `plain` is the rule that
such banks were ranked by (centroids → best 10 classes → best sample).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Self

import numpy as np

from shared.bank.store import BankStore
from shared.core.documents import Document
from shared.core.settings import Settings
from shared.curation.clean import plan_cleaning
from shared.curation.legacy import import_legacy, read_legacy
from shared.curation.reports import AllRows, LeaveOneOutFigures, Shares


class LegacyFigures(Document):
    """What is read of the leave-one-out figures."""

    queries: int
    top1: float
    top5: float
    calibration_error: float | None
    coverage_at_risk: float | None
    answered: float | None
    wrong_of_answered: float | None
    plain: Shares

    @classmethod
    def of(cls, figures: LeaveOneOutFigures | None) -> Self:
        assert figures is not None
        return cls(
            queries=figures.queries,
            top1=figures.top1,
            top5=figures.top5,
            calibration_error=figures.calibration_error,
            coverage_at_risk=figures.coverage_at_risk,
            answered=figures.answered,
            wrong_of_answered=figures.wrong_of_answered,
            plain=figures.plain,
        )


class LegacyReport(Document):
    rows: int
    #: Rows that were there already.
    repeated: int
    #: Reason → samples set aside.
    reasons: dict[str, int]
    before: LegacyFigures
    after: LegacyFigures
    all_rows: AllRows


def measure(file: Path, model: str, columns: slice) -> LegacyReport:
    """Figures before and after `weft bank clean --keep 8`, of these columns of the vectors."""
    legacy = read_legacy(file)
    with tempfile.TemporaryDirectory(prefix="weft-legacy-") as folder:
        cut = Path(folder) / "cut.npz"
        rows = legacy.vectors[:, columns]
        np.savez(cut, **{label: rows[legacy.owner == number] for number, label in enumerate(legacy.labels)})
        settings = Settings(data_dir=Path(folder) / "data")
        version = import_legacy(cut, settings, model)
        plan = plan_cleaning(settings, version)
        counts = BankStore(settings).manifest(version).counts
    before, after = plan.leave_one_out.before, plan.leave_one_out.after
    assert before is not None
    return LegacyReport(
        rows=len(legacy.owner),
        repeated=counts.duplicates,
        reasons=plan.reasons,
        before=LegacyFigures.of(before),
        after=LegacyFigures.of(after),
        all_rows=before.all_rows,
    )


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", required=True, help="what made these columns, as in WEFT_MODEL")
    parser.add_argument("--columns", default=":", help="FIRST:END")
    chosen = parser.parse_args()
    first, _, end = chosen.columns.partition(":")
    columns = slice(int(first) if first else None, int(end) if end else None)
    print(json.dumps(measure(chosen.file, chosen.model, columns).to_json(), indent=2))


if __name__ == "__main__":
    main()
