"""What must hold after any fault: every accepted photo has exactly one outcome, the one it has without a fault."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

from shared.bank.store import BankStore
from shared.encoder import load_encoder
from shared.ledger import Ledger, keys
from shared.ranking import rank
from shared.results import caught_up
from shared.settings import Settings
from shared.types import Job, JobState

Answer = tuple[Any, ...]


class Expected:
    """Answers as a worker without faults gives them: the same engine and the same ranking, in this process."""

    def __init__(self, settings: Settings) -> None:
        self._encoder = load_encoder(settings.model_copy(update={"engine": "null"}), threads=1)
        self._banks = BankStore(settings)

    def of(self, job: Job, folder: Path) -> dict[str, Answer]:
        """Answer by name for every photo of the folder."""
        paths = sorted(folder.rglob("*.jpg"))
        vectors = self._encoder.encode_hashes([hashlib.sha256(p.read_bytes()).hexdigest() for p in paths])
        ranked = rank(self._banks.load(job.bank), vectors.astype("float16").astype("float32"), job.preset)
        return {
            p.relative_to(folder).as_posix(): (
                r.verdict.value,
                r.label,
                round(r.confidence, 4),
                round(r.margin, 4),
                tuple((c.label, round(c.score, 4), c.sample) for c in r.candidates),
            )
            for p, r in zip(paths, ranked, strict=True)
        }


def answer(row: dict[str, Any]) -> Answer:
    """A projected row in the same form."""
    candidates = tuple((c["label"], c["score"], c["sample"]) for c in row["candidates"])
    return row["verdict"], row["label"], row["confidence"], row["margin"], candidates


def check(
    settings: Settings,
    ledger: Ledger,
    job: Job,
    folder: Path | None,
    expected: Expected,
    failures: dict[str, str] | None = None,
) -> None:
    """Holds an ended job against everything that was promised; `failures`: code by name, all others must be ok."""
    redis = ledger.connection.redis
    job = ledger.job(job.id)
    bits = redis.bitcount(keys.job(job.id, "done"))
    outcomes = Counter(r.index for r in ledger.results(job.id))
    assert job.ok + job.failed == bits == len(outcomes), (job, bits, len(outcomes))
    with caught_up(settings, ledger, job.id) as projection:
        rows = list(projection.rows())
    assert [row["index"] for row in rows] == sorted(outcomes)
    if job.state is JobState.CANCELLED:
        return
    assert job.state is JobState.FINISHED, job
    assert job.done == job.total, f"lost: {job.total - job.done}"
    assert sum(len(results) for results, _ in ledger.log(job.id, 0, 10**6)) == job.total, "doubled"
    if folder is None:
        return
    assert job.total == sum(1 for _ in folder.rglob("*.jpg"))
    found = {row["name"]: row for row in rows}
    assert {n: r["error"]["code"] for n, r in found.items() if r["error"]} == (failures or {})
    right = expected.of(job, folder)
    wrong = {n: (answer(r), right[n]) for n, r in found.items() if not r["error"] and answer(r) != right[n]}
    assert not wrong, f"{len(wrong)} differ from a run without faults, such as {next(iter(wrong.items()))}"
