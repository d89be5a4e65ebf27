"""The jobs of the last days beside the bank's own photos: whether answers have become less certain.

Nobody says what the jobs' photos show, so only certainty is compared: confidences by the two-sample Kolmogorov–Smirnov
test (Press et al., Numerical Recipes, 3rd ed., 14.3.3), shares by the interval of Agresti & Caffo (The American
Statistician 54, 2000). No numpy here: pages read it, too.
"""

from __future__ import annotations

import math
import sqlite3
import statistics
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import structlog
from pydantic import Field

from shared.core.documents import Document
from shared.core.settings import Settings
from shared.jobs.job_search import JobFilter
from shared.jobs.ledger import Ledger
from shared.jobs.projection import caught_up
from shared.ranking.model import Verdict

#: Photos of jobs, and of a class in jobs, from which on something is said; jobs that are looked at, newest first.
LEAST, LEAST_OF_CLASS, JOBS = 50, 20, 1000
#: Differences of the distributions that matter, and the chance of seeing one by luck that is taken for none.
MATTERS, BY_CHANCE = 0.1, 0.01
#: Classes that are named.
NAMED = 8
#: Confidences that are kept of a bank's own photos, evenly spread over the sorted ones.
KEPT = 200
_Z = 1.96
_DAY = 86_400
_log = structlog.get_logger()

#: Best class, verdict, confidence.
Told = tuple[str | None, str, float]


class Certainty(Document):
    """How certain the answers to some photos are."""

    photos: int
    #: Sorted, 0…1; of more than `KEPT` photos, so many of them.
    confidences: list[float]
    #: Verdict → photos.
    verdicts: dict[str, int]
    #: Best class → photos with another verdict than `label`, and all of its photos.
    classes: dict[str, tuple[int, int]]

    @classmethod
    def of(cls, rows: Sequence[Told]) -> Certainty:
        ordered = sorted(row[2] for row in rows)
        step = max(1.0, len(ordered) / KEPT)
        kept = [round(ordered[int((place + 0.5) * step)], 4) for place in range(int(len(ordered) / step))]
        classes: dict[str, tuple[int, int]] = {}
        for label, verdict, _ in rows:
            some, every = classes.get(label or "", (0, 0))
            classes[label or ""] = (some + (verdict != Verdict.LABEL), every + 1)
        verdicts = Counter(str(row[1]) for row in rows)
        return cls(photos=len(rows), confidences=kept, verdicts=dict(verdicts), classes=classes)

    def shares(self) -> DriftShares:
        """Of at least one photo."""
        label, unsure, outside = (
            round(self.verdicts.get(verdict, 0) / self.photos, 4)
            for verdict in (Verdict.LABEL, Verdict.UNSURE, Verdict.NOT_IN_BANK)
        )
        median = round(statistics.median(self.confidences), 4)
        return DriftShares(photos=self.photos, confidence=median, label=label, unsure=unsure, not_in_bank=outside)


class DriftShares(Document):
    """Median confidence of photos, and the share of each verdict, 0…1."""

    photos: int
    confidence: float
    label: float
    unsure: float
    not_in_bank: float


class DriftClass(Document):
    """A class whose photos in jobs are more often without a definite result than the bank's own."""

    #: The best class of these photos: nobody said what they show.
    label: Annotated[str, Field(alias="class")]
    photos: int
    #: Share with another verdict than `label`.
    open: float
    bank_photos: int
    bank_open: float
    #: Of open - bank_open, with 95 % certainty.
    interval: tuple[float, float]


class Drift(Document):
    """Photos of the last days' jobs beside the bank's own, as leave-one-out answers them."""

    days: int
    jobs: int
    #: `same`, `less_sure` or `surer`.
    state: str
    #: Kolmogorov–Smirnov distance of the confidences, and the chance of at least that by luck.
    distance: float
    chance: float
    bank: DriftShares
    now: DriftShares
    classes: list[DriftClass]


class JobAnswers(Document):
    """Answers of the jobs of the last days."""

    days: int
    #: Jobs whose photos are meant; of each other preset, how many jobs there are.
    jobs: int
    other_presets: dict[str, int]
    answers: Certainty
    #: False: older jobs of these days were left out, because there was enough or no time.
    complete: bool


def job_answers(
    settings: Settings,
    ledger: Ledger,
    version: str,
    preset: str,
    days: int,
    most: int | None = None,
    seconds: float | None = None,
) -> JobAnswers:
    """Answers of jobs with this version and preset, submitted in the last `days`, newest first.

    `most`: photos after which no other job is read, `seconds`: likewise. Raises Unavailable.
    """
    since, until = time.time() - days * _DAY, time.monotonic() + (seconds or math.inf)
    jobs = [
        job
        for job in ledger.listed(JOBS, wanted=JobFilter())
        if job.created >= since and job.bank == version and job.ok
    ]
    ours = [job for job in jobs if job.preset == preset]
    rows: list[Told] = []
    read = 0
    for job in ours:
        if (most is not None and len(rows) >= most) or time.monotonic() > until:
            break
        read += 1
        try:
            with caught_up(settings, ledger, job.id, seconds=None if seconds is None else seconds / 4) as projection:
                rows += projection.certainties()
        except sqlite3.Error as error:
            _log.error("projection_unreadable", job=job.id, error=str(error))
    others = Counter(job.preset for job in jobs if job.preset != preset)
    return JobAnswers(
        days=days, jobs=read, other_presets=dict(others), answers=Certainty.of(rows), complete=read == len(ours)
    )


def beside(own: Certainty, told: Certainty, days: int, jobs: int) -> Drift:
    """The comparison itself; both have at least one photo."""
    distance, chance = kolmogorov_smirnov(own.confidences, told.confidences, own.photos, told.photos)
    state = "same"
    if distance >= MATTERS and chance < BY_CHANCE:
        less = statistics.fmean(told.confidences) < statistics.fmean(own.confidences)
        state = "less_sure" if less else "surer"
    return Drift(
        days=days,
        jobs=jobs,
        state=state,
        distance=round(distance, 4),
        chance=round(chance, 6),
        bank=own.shares(),
        now=told.shares(),
        classes=_classes(own.classes, told.classes),
    )


def kolmogorov_smirnov(
    first: Sequence[float], second: Sequence[float], of_first: int, of_second: int
) -> tuple[float, float]:
    """The largest distance of the two cumulative distributions (0…1), and the chance of at least that by luck.

    Both are sorted; they stand for `of_first` and `of_second` observations.
    """
    distance = max(
        abs(bisect_right(first, value) / len(first) - bisect_right(second, value) / len(second))
        for value in (*first, *second)
    )
    scale = math.sqrt(of_first * of_second / (of_first + of_second))
    # Stephens' correction, as in the book.
    at = (scale + 0.12 + 0.11 / scale) * distance
    if at < 0.2:
        # The series converges slowly there, to 1.
        return distance, 1.0
    chance = 2 * sum((-1.0) ** (term - 1) * math.exp(-2 * (at * term) ** 2) for term in range(1, 101))
    return distance, min(1.0, max(0.0, chance))


def _classes(before: dict[str, tuple[int, int]], now: dict[str, tuple[int, int]]) -> list[DriftClass]:
    """Classes whose photos are more often without a definite result than the bank's own, the clearest first."""
    found = []
    for label, (open_now, photos) in now.items():
        open_before, own_photos = before.get(label, (0, 0))
        if photos < LEAST_OF_CLASS or not own_photos:
            continue
        low, high = agresti_caffo(open_before, own_photos, open_now, photos)
        if low > 0:
            found.append(
                DriftClass(
                    label=label,
                    photos=photos,
                    open=round(open_now / photos, 4),
                    bank_photos=own_photos,
                    bank_open=round(open_before / own_photos, 4),
                    interval=(round(low, 4), round(high, 4)),
                )
            )
    return sorted(found, key=lambda row: -row.interval[0])[:NAMED]


def agresti_caffo(first: int, of_first: int, second: int, of_second: int) -> tuple[float, float]:
    """The 95 % interval of the difference second - first of two shares."""
    before, now = (first + 1) / (of_first + 2), (second + 1) / (of_second + 2)
    half = _Z * (before * (1 - before) / (of_first + 2) + now * (1 - now) / (of_second + 2)) ** 0.5
    return now - before - half, now - before + half
