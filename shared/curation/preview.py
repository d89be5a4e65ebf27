"""What a version would change: the latest photos, ranked again under two versions by the embeddings that were kept."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import structlog

from shared.bank.store import BankStore
from shared.core.encoder_info import told_apart
from shared.core.errors import BankError
from shared.core.settings import Settings
from shared.curation.version_preview import Answer, AnswerChange, ChangedPhoto, CorrectedPhotos, VersionPreview
from shared.curation.writer import Progress
from shared.jobs.job_search import JobFilter
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job
from shared.jobs.projection import caught_up
from shared.jobs.result_filters import Filters
from shared.ranking.model import Ranking, Verdict
from shared.ranking.ranker import rank

_log = structlog.get_logger(__name__)

#: Photos looked at.
PHOTOS = 500
#: Jobs looked through for them.
_JOBS = 200
#: Changed photos that are shown; all are counted.
SHOWN = 200


@dataclass(frozen=True)
class Seen:
    """A photo of some job, and the embedding that its projection keeps."""

    job: Job
    index: int
    name: str
    sha256: str
    #: The label that people gave it.
    corrected: str | None
    vector: bytes


def preview(
    settings: Settings,
    ledger: Ledger,
    version: str,
    base: str | None = None,
    photos: int = PHOTOS,
    progress: Progress | None = None,
) -> VersionPreview:
    """How the bank's latest `photos` of this encoder would be answered by `version` instead of `base` (active).

    Raises NotFound, BankError("no_bank", "bank_damaged", "bank_empty"), BankError("bank_model_mismatch") where the
    versions are of different encoders, Unavailable.
    """
    store = BankStore(settings).of_version(version)
    old, new = store.load(base), store.load(version)
    if old.identity != new.identity or old.dim != new.dim:
        mine, other = told_apart(new.manifest.encoder, old.manifest.encoder)
        raise BankError("bank_model_mismatch", bank_model=mine, model=other)
    seen = list(_latest(settings, ledger, store.bank, old.identity, 2 * old.dim, photos))
    corrected_photos = {photo.sha256 for photo in seen if photo.corrected}
    # Read one by one: of a large bank's samples, only those are held that are asked for.
    samples = store.rows(new.version) if corrected_photos else ()
    own = {sample.sha256 for sample in samples if sample.sha256 in corrected_photos}
    by_preset: defaultdict[str, list[Seen]] = defaultdict(list)
    for photo in seen:
        by_preset[photo.job.preset].append(photo)

    items: list[ChangedPhoto] = []
    kinds: Counter[AnswerChange] = Counter()
    corrected = right_before = right_after = 0
    done = 0
    for preset, group in by_preset.items():
        vectors = np.frombuffer(b"".join(photo.vector for photo in group), np.float16).reshape(len(group), -1)
        for photo, before, after in zip(group, rank(old, vectors, preset), rank(new, vectors, preset), strict=True):
            truth = photo.corrected
            if truth and photo.sha256 not in own:
                corrected += 1
                right_before += _answer(before) == truth
                right_after += _answer(after) == truth
            if kind := _kind(before, after):
                kinds[kind] += 1
                items.append(_shown(photo, kind, before, after))
        done += len(group)
        if progress:
            progress("ranking", done, len(seen))
    return VersionPreview(
        old=old.version,
        new=new.version,
        photos=len(seen),
        changed=sum(kinds.values()),
        kinds=dict(kinds),
        corrected=CorrectedPhotos(photos=corrected, right_before=right_before, right_after=right_after),
        items=items[:SHOWN],
    )


def _latest(settings: Settings, ledger: Ledger, bank: str, identity: str, size: int, count: int) -> Iterator[Seen]:
    """Photos of the newest jobs of this bank and encoder that kept an embedding of `size` bytes."""
    for job in ledger.listed(_JOBS, wanted=JobFilter(bank=bank)):
        if count <= 0:
            return
        if job.identity != identity or job.kind == "classify" or not job.ok:
            continue
        try:
            with caught_up(settings, ledger, job.id) as projection:
                items, _ = projection.items(Filters(status="ok"), limit=count)
                vectors = projection.vectors(item["index"] for item in items)
        except sqlite3.Error as error:
            _log.error("projection_unreadable", job=job.id, error=str(error))
            continue
        for item in items:
            vector, sha256 = vectors.get(item["index"]), item["sha256"]
            if sha256 is not None and vector is not None and len(vector) == size:
                yield Seen(job, item["index"], item["name"], sha256, item["corrected"], vector)
                count -= 1


def _answer(ranking: Ranking) -> str | None:
    """The label that a person is told without a question mark."""
    return ranking.label if ranking.verdict is Verdict.LABEL else None


def _kind(before: Ranking, after: Ranking) -> AnswerChange | None:
    was, now = _answer(before), _answer(after)
    if was is None and now is None:
        if before.verdict is not after.verdict:
            return AnswerChange.WAVERED
        guessed = before.verdict is Verdict.UNSURE and before.label != after.label
        return AnswerChange.GUESSED if guessed else None
    if was is None or now is None:
        return AnswerChange.GAINED if was is None else AnswerChange.LOST
    return AnswerChange.RELABELLED if was != now else None


def _shown(photo: Seen, kind: AnswerChange, before: Ranking, after: Ranking) -> ChangedPhoto:
    return ChangedPhoto(
        job=photo.job.id,
        job_name=photo.job.name,
        index=photo.index,
        name=photo.name,
        corrected=photo.corrected,
        kind=kind,
        before=_said(before),
        after=_said(after),
    )


def _said(ranking: Ranking) -> Answer:
    return Answer(
        verdict=ranking.verdict,
        label=ranking.label,
        confidence=ranking.confidence,
        sample=ranking.candidates[0].sample if ranking.candidates else None,
    )
