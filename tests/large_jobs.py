"""Archived jobs of any size, written straight into their projection: what pages and filters cost at 100,000 photos."""

from __future__ import annotations

import hashlib
import time
from contextlib import closing

import numpy as np

from shared.core.settings import Settings
from shared.jobs.catalog import Catalog
from shared.jobs.fields import STORED
from shared.jobs.model import ItemResult, Job, JobState, Lane
from shared.jobs.projection import open_projection
from shared.jobs.result_rows import columns
from shared.ranking.model import Candidate, Ranking, Verdict
from tests.banks import DIM, by_label, clustered, make_bank

_VERDICTS = (Verdict.LABEL, Verdict.LABEL, Verdict.LABEL, Verdict.UNSURE, Verdict.NOT_IN_BANK)
_COLOURS = (("#1b2547", "navy"), ("#cf2230", "red"), ("#fafafa", "white"))
_CAMERAS = ("Canon EOS R5", "NIKON Z 6", None)
_PROFILES = ("Adobe RGB (1998)", "Display P3", None, None, None)


def made_up_result(index: int, classes: int) -> ItemResult:
    """Every fiftieth photo failed; the others have a class, a camera, colours, a month and perhaps a profile."""
    name = f"roll-{index % 977:03}/DSC{index:06}.jpg"
    if index % 50 == 49:
        return ItemResult(index, name, error_code="truncated")
    label = index % classes
    candidates = tuple(Candidate(f"stripe-{(label + n) % classes}", 0.9 - n / 10, None) for n in range(3))
    confidence = (index * 7919 % 1000) / 1000
    ranking = Ranking(_VERDICTS[index % 5], candidates[0].label, confidence, confidence / 2, candidates)
    code, colour = _COLOURS[index % 3]
    extra = {
        "camera/1": _CAMERAS[index % 3],
        "profile/1": _PROFILES[index % 5],
        "taken/1": f"2026-{1 + index % 4:02}-15T08:00:00",
        "colours/1": [[code, [10.0, 0.0, 0.0], 0.8, colour]],
    }
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return ItemResult(index, name, sha256=sha256, ranking=ranking, extra=extra)


def archived_job(settings: Settings, count: int, bank: str, name: str = "large", classes: int = 4) -> Job:
    """An ended job of `count` photos that only its projection knows; no ledger is asked."""
    identifier = f"{name}{count}"
    now = time.time()
    failed = count // 50
    job = Job(
        identifier, name, "folder", JobState.FINISHED, Lane.BULK, "standard", "demo", bank, "feedfeedfeedfeed",
        count, True, count - failed, failed, 0, 0, now - 900, started=now - 800, finished=now - 10, archived=True,
    )  # fmt: skip
    insert = f"INSERT INTO items ({', '.join(s.column for s in STORED)}) VALUES ({', '.join('?' * len(STORED))})"
    with closing(open_projection(settings, identifier)) as projection:
        database = projection._db
        database.execute("BEGIN")
        database.executemany(insert, (columns(made_up_result(index, classes)) for index in range(count)))
        database.execute("COMMIT")
        projection.describe(job)
    Catalog(settings).add(job)
    return job


def add_vectors(settings: Settings, job_id: str, rows: dict[int, np.ndarray]) -> None:
    """Embeddings for photos of an archived job: position → [d], normalised here."""
    found = [(at, (row / np.linalg.norm(row)).astype(np.float16).tobytes()) for at, row in rows.items()]
    with closing(open_projection(settings, job_id)) as projection:
        projection._db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", found)


def random_rows(count: int, rng: np.random.Generator | None = None) -> dict[int, np.ndarray]:
    """Embeddings of the photos of an archived job that did not fail, none like another."""
    rng = rng or np.random.default_rng(3)
    return {index: rng.normal(size=DIM) for index in range(count) if index % 50 != 49}


def look_alike_rows(count: int) -> dict[int, np.ndarray]:
    """The same, but 4, 14, 24 … 94 (all not in bank) are of one cloth, and 7 and 8 one photo."""
    rng = np.random.default_rng(3)
    found = random_rows(count, rng)
    cloth = rng.normal(size=DIM)
    for index in range(4, 100, 10):
        found[index] = cloth + 0.25 * rng.normal(size=DIM)
    found[8] = found[7]
    return found


def job_with_vectors(settings: Settings, count: int, rows: dict[int, np.ndarray]) -> Job:
    """An archived job with these embeddings, of a bank that has its classes."""
    arrays = {f"stripe-{n}": samples for n, samples in enumerate(by_label(clustered(4)).values())}
    made = archived_job(settings, count, make_bank(settings, arrays))
    add_vectors(settings, made.id, rows)
    return made
