"""One outcome in the three forms it has: a worker's result, a row of the projection, and what people are shown."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from shared.core.messages import sentence
from shared.jobs.model import ItemResult


def public(result: ItemResult, lang: str | None = None) -> dict[str, Any]:
    """One outcome as API, command line and exports show it."""
    ranking = result.ranking
    return {
        "index": result.index,
        "name": result.name,
        "sha256": result.sha256,
        "status": "ok" if result.ok else "failed",
        "cached": result.cached,
        "verdict": ranking.verdict.value if ranking else None,
        "label": ranking.label if ranking else None,
        "confidence": ranking.confidence if ranking else None,
        "margin": ranking.margin if ranking else None,
        "candidates": [_candidate(c.label, c.score, c.sample) for c in ranking.candidates] if ranking else [],
        "error": _error(result.error_code, result.error_detail, lang),
        "corrected": None,
    }


def _candidate(label: str, score: float, sample: str | None) -> dict[str, Any]:
    return {"label": label, "score": score, "sample": sample}


def _error(code: str | None, detail: dict[str, Any], lang: str | None) -> dict[str, str] | None:
    return {"code": code, "message": sentence(code, lang, **detail)} if code else None


def columns(r: ItemResult) -> tuple[Any, ...]:
    shown = public(r)
    candidates = [[c.label, c.score, c.sample] for c in r.ranking.candidates] if r.ranking else []
    return (
        *(r.index, r.name, r.generation, r.sha256, shown["status"], int(r.cached)),
        *(shown["verdict"], shown["label"], shown["confidence"], shown["margin"]),
        *(json.dumps(candidates, ensure_ascii=False), r.error_code, json.dumps(r.error_detail, ensure_ascii=False)),
    )


def shown_row(row: sqlite3.Row, lang: str | None) -> dict[str, Any]:
    shown = {k: row[k] for k in ("name", "sha256", "status", "verdict", "label", "confidence", "margin", "corrected")}
    return {
        "index": row["idx"],
        **shown,
        "cached": bool(row["cached"]),
        "candidates": [_candidate(*c) for c in json.loads(row["candidates"])],
        "error": _error(row["code"], json.loads(row["detail"]), lang),
    }
