"""What must hold after any fault: every accepted photo has exactly one outcome, the one it has without a fault.

It still has it after the ledger has let the job go.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Protocol

from shared.bank.store import BankStore
from shared.core.errors import NotFound, Unavailable
from shared.core.settings import Settings
from shared.encoder import load_encoder
from shared.jobs import archive
from shared.jobs.ledger import Ledger, keys
from shared.jobs.ledger.redis_errors import redis_errors
from shared.jobs.model import Job, JobState
from shared.jobs.projection import caught_up, open_projection
from shared.ranking.ranker import rank
from tests.faults.record import Record
from tests.product import eventually

Answer = tuple[Any, ...]


class Answers(Protocol):
    """What a run without faults says."""

    def differing(self, job: Job, folder: Path, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Of the projected rows by name, those that a run without faults has otherwise: by name, (found, right)."""


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

    def differing(self, job: Job, folder: Path, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """To the last digit."""
        right = self.of(job, folder)
        return {n: (answer(row), right[n]) for n, row in found.items() if answer(row) != right[n]}


def answer(row: dict[str, Any]) -> Answer:
    """A projected row in the same form."""
    candidates = tuple((c["label"], c["score"], c["sample"]) for c in row["candidates"])
    return row["verdict"], row["label"], row["confidence"], row["margin"], candidates


def count(ledger: Ledger, job: Job, names: set[str] | None, rows: list[dict[str, Any]]) -> tuple[int, int]:
    """(lost, doubled): photos submitted that have no outcome, and outcomes beyond one a photo and generation.

    `names`: what was submitted, where the test knows it; else the job's own total is believed.
    """
    log = Counter((r.index, r.generation) for results, _ in ledger.log(job.id, 0, 10**6) for r in results)
    answered = {row["name"] for row in rows}
    if job.state is JobState.CANCELLED:
        # What was counted is what was promised.
        lost = max(0, job.done - len(rows))
    elif names is None:
        lost = job.total - len(rows)
    else:
        lost = len(names - answered)
    doubled = sum(log.values()) - len(log) + len(rows) - len(answered) + max(0, job.done - len({i for i, _ in log}))
    return lost, doubled


def released(settings: Settings, ledger: Ledger, record: Record, job: Job, rows: list[dict[str, Any]]) -> None:
    """Lets the ledger go of the job, the way the dispatcher does: every outcome is still there, and no key of it."""

    seen: list[tuple[list[bytes], Job]] = []

    def gone() -> bool:
        # A page or the dispatcher may be reading the file just now, and in the soak Redis comes and goes.
        with suppress(sqlite3.OperationalError, Unavailable):
            # An answer that was lost may have been a yes.
            with suppress(NotFound):
                if not archive.release(settings, ledger, job.id):
                    return False
            with redis_errors():
                left = list(ledger.connection.redis.scan_iter(keys.job(job.id, "*"), count=5000))
            seen.append((left, ledger.find(job.id)))
        return bool(seen)

    eventually(gone, 90, f"the release of {job.id}")
    left, kept = seen[0]
    with closing(open_projection(settings, job.id)) as projection:
        after = list(projection.rows())
    lost = len({row["index"] for row in rows} - {row["index"] for row in after})
    record.lost += lost
    assert (lost, left) == (0, []), (lost, left)
    assert after == rows
    assert (kept.archived, kept.state, kept.total, kept.ok, kept.failed) == (
        True,
        job.state,
        job.total,
        job.ok,
        job.failed,
    )


def check(
    settings: Settings,
    ledger: Ledger,
    record: Record,
    job: Job,
    folder: Path | None,
    expected: Answers,
    failures: dict[str, str] | None = None,
) -> None:
    """Holds an ended job against everything that was promised; `failures`: code by name, all others must be ok."""
    job = ledger.job(job.id)
    with redis_errors():
        bits = ledger.connection.redis.bitcount(keys.job(job.id, "done"))
    outcomes = [r.index for r in ledger.results(job.id)]
    with caught_up(settings, ledger, job.id) as projection:
        rows = list(projection.rows())
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*.jpg")} if folder else None
    lost, doubled = count(ledger, job, names, rows)
    record.counted(lost, doubled)
    assert (lost, doubled) == (0, 0), (lost, doubled, job)
    assert job.ok + job.failed == bits == len(outcomes), (job, bits, len(outcomes))
    assert [row["index"] for row in rows] == outcomes
    released(settings, ledger, record, job, rows)
    if job.state is JobState.CANCELLED:
        return
    assert job.state is JobState.FINISHED, job
    assert job.done == job.total, job
    if folder is None or names is None:
        return
    assert job.total == len(names)
    found = {row["name"]: row for row in rows}
    assert {n: r["error"]["code"] for n, r in found.items() if r["error"]} == (failures or {})
    wrong = expected.differing(job, folder, {n: row for n, row in found.items() if not row["error"]})
    assert not wrong, f"{len(wrong)} differ from a run without faults, such as {next(iter(wrong.items()))}"
