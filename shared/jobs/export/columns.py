"""The columns of the table formats, and one result as a row of them."""

from __future__ import annotations

from typing import Any

from shared.jobs.model import Job

#: Top candidates with columns of their own.
TOP = 3
_ITEM = ("index", "name", "status", "label", "verdict", "confidence", "margin", "corrected")
#: The full-width forms count in Chinese and Japanese editions.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_RANKED = tuple(f"{what}_{n}" for n in range(1, TOP + 1) for what in ("class", "score", "sample"))
COLUMNS = (*_ITEM, *_RANKED, "cached", "error", "message", "sha256", "model", "bank", "preset")


def cells(job: Job, row: dict[str, Any]) -> list[Any]:
    """The values of `COLUMNS` for one of `Projection.rows`."""
    ranked: list[Any] = []
    for candidate in row["candidates"][:TOP]:
        ranked += [candidate["label"], candidate["score"], candidate["sample"]]
    ranked += [None] * (len(_RANKED) - len(ranked))
    error = row["error"] or {"code": None, "message": None}
    about = [row["cached"], error["code"], error["message"], row["sha256"], job.answered_by, job.bank, job.preset]
    return [*(row[c] for c in _ITEM), *ranked, *about]


def harmless(value: Any) -> Any:
    """A file name that starts like a formula would be run by a spreadsheet (OWASP, CSV injection)."""
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA) else value
