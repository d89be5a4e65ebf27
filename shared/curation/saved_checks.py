"""Where the reports of `weft bank check` are kept, one a version. No numpy here: pages read them too."""

from __future__ import annotations

import json

from shared.bank.store import BankStore
from shared.core.documents import parse_json
from shared.core.files import write_atomic
from shared.curation.reports import CheckReport

#: Raised when reports gain or change fields: older ones are made again.
SCHEMA = 1


def saved_check(store: BankStore, version: str) -> CheckReport | None:
    """The report that `check_bank` made of this version, or None before the first."""
    try:
        report = CheckReport.from_json(parse_json((store.root / ".checks" / f"{version}.json").read_bytes()))
    except (OSError, ValueError):
        return None
    return report if report.schema_version == SCHEMA else None


def save_check(store: BankStore, report: CheckReport) -> None:
    """Keeps a report for `saved_check`. Raises Unavailable("disk_full")."""
    folder = store.root / ".checks"
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / f"{report.version}.json", json.dumps(report.to_json(), ensure_ascii=False).encode())
