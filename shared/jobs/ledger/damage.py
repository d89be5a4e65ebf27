"""Reads as much as possible of a job whose record in Redis is damaged."""

from __future__ import annotations

from collections.abc import Mapping

from shared.jobs.model import Job, JobState, Lane
from shared.jobs.states import RULES
from shared.ranking.model import PRESETS


def damaged(job_id: str, raw: Mapping[bytes, bytes]) -> Job:
    """A paused job with the note `job_damaged`. People can view, cancel and delete it."""
    meta = {k.decode("utf-8", "replace"): v.decode("utf-8", "replace") for k, v in raw.items()}

    def number(name: str) -> float | None:
        try:
            return float(meta[name])
        except (KeyError, ValueError):
            return None

    def count(name: str) -> int:
        return int(number(name) or 0)

    return Job(
        id=job_id,
        name=meta.get("name", job_id),
        kind=meta.get("kind", "upload"),
        # An active job needs an intact record.
        state=next((s for s, rule in RULES.items() if rule.still and s.value == meta.get("state")), JobState.PAUSED),
        lane=Lane.INTERACTIVE if meta.get("lane") == Lane.INTERACTIVE.value else Lane.BULK,
        preset=meta["preset"] if meta.get("preset") in PRESETS else "standard",
        model=meta.get("model", ""),
        engine=meta.get("engine"),
        precision=meta.get("precision"),
        bank=meta.get("bank", ""),
        identity=meta.get("identity", ""),
        total=count("total"),
        listed=meta.get("listed") == "1",
        ok=count("ok"),
        failed=count("failed"),
        duplicates=count("dups"),
        cached=count("cached"),
        created=number("created") or 0.0,
        started=number("started"),
        finished=number("finished"),
        path=meta.get("path"),
        not_before=number("not_before"),
        note="job_damaged",
    )
