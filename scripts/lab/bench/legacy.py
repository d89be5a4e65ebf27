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
from typing import Any

import numpy as np

from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.curation.clean import plan_cleaning
from shared.curation.legacy import import_legacy, read_legacy

_FIGURES = (
    "queries",
    "top1",
    "top5",
    "calibration_error",
    "coverage_at_risk",
    "answered",
    "wrong_of_answered",
    "plain",
)


def measure(file: Path, model: str, columns: slice) -> dict[str, Any]:
    """Figures before and after `weft bank clean --keep 8`, of these columns of the vectors."""
    legacy = read_legacy(file)
    with tempfile.TemporaryDirectory(prefix="weft-legacy-") as folder:
        cut = Path(folder) / "cut.npz"
        rows = legacy.vectors[:, columns]
        np.savez(cut, **{label: rows[legacy.owner == number] for number, label in enumerate(legacy.labels)})
        settings = Settings(data_dir=Path(folder) / "data")
        version = import_legacy(cut, settings, model)
        plan = plan_cleaning(settings, version)
        counts = BankStore(settings).manifest(version)["counts"]
    before, after = plan["leave_one_out"]["before"], plan["leave_one_out"]["after"]
    return {
        "rows": len(legacy.owner),
        "repeated": counts["duplicates"],
        "reasons": plan["reasons"],
        "before": {key: before[key] for key in _FIGURES},
        "after": {key: after[key] for key in _FIGURES},
        "all_rows": before["all_rows"],
    }


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", required=True, help="what made these columns, as in WEFT_MODEL")
    parser.add_argument("--columns", default=":", help="FIRST:END")
    chosen = parser.parse_args()
    first, _, end = chosen.columns.partition(":")
    columns = slice(int(first) if first else None, int(end) if end else None)
    print(json.dumps(measure(chosen.file, chosen.model, columns), indent=2))


if __name__ == "__main__":
    main()
