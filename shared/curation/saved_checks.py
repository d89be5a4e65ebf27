"""Where the reports of `weft bank check` are kept, one a version. No numpy here: pages read them too."""

from __future__ import annotations

import json
from typing import Any

from shared.bank.store import BankStore
from shared.core.files import write_atomic

#: Raised when reports gain or change fields: older ones are made anew.
SCHEMA = 1


def saved_check(store: BankStore, version: str) -> dict[str, Any] | None:
    """The report that `check_bank` made of this version, or None before the first."""
    try:
        report: dict[str, Any] = json.loads((store.root / ".checks" / f"{version}.json").read_bytes())
    except (OSError, ValueError):
        return None
    return report if report.get("schema") == SCHEMA else None


def save_check(store: BankStore, report: dict[str, Any]) -> None:
    """Keeps a report for `saved_check`. Raises Unavailable("disk_full")."""
    folder = store.root / ".checks"
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / f"{report['version']}.json", json.dumps(report, ensure_ascii=False).encode())
