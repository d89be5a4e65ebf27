"""The jobs of the last days beside the bank's own photos: whether answers have become less certain.

Nobody says what the jobs' photos show, so only certainty is compared: confidences by the two-sample Kolmogorov–Smirnov
test (Press et al., Numerical Recipes, 3rd ed., 14.3.3), shares by the interval of Agresti & Caffo (The American
Statistician 54, 2000).
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import structlog

from scripts.cli.evaluate.evaluation import Drift, DriftClass, DriftShares
from scripts.cli.evaluate.own_photos import Crossed
from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.jobs.job_search import JobFilter
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job
from shared.jobs.projection import caught_up
from shared.ranking.model import Preset, Verdict

#: Photos of jobs, and of a class in jobs, from which on something is said; jobs that are looked at, newest first.
LEAST, LEAST_OF_CLASS, JOBS = 50, 20, 1000
#: Differences of the distributions that matter, and the chance of seeing one by luck that is taken for none.
MATTERS, BY_CHANCE = 0.1, 0.01
#: Classes that are named.
NAMED = 8
_Z = 1.96
_DAY = 86_400
_log = structlog.get_logger()

#: Best class, verdict, confidence.
Told = tuple[str | None, str, float]


def drift(settings: Settings, ledger: Ledger, found: Crossed, preset: Preset, days: int) -> Drift:
    """Jobs of this version and preset, submitted in the last `days`, beside the version's cross-fitted answers.

    Raises InvalidRequest where they have fewer than 50 photos with a result, Unavailable.
    """
    jobs = list(_jobs(ledger, found.bank.version, time.time() - days * _DAY))
    ours = [job for job in jobs if job.preset == preset.name]
    told = [row for job in ours for row in _told(settings, ledger, job)]
    if len(told) < LEAST:
        others = ", ".join(f"{name}: {count}" for name, count in Counter(job.preset for job in jobs).items())
        raise InvalidRequest(
            reason=f"jobs of the last {days} days with {found.bank.version} and the preset {preset.name} have "
            f"{len(told)} photos with a result; {LEAST} are needed (jobs by preset: {others or 'none'})"
        )
    return beside(_own(found), told, days, len(ours))


def beside(own: list[Told], told: list[Told], days: int, jobs: int) -> Drift:
    """The comparison itself; both lists have at least one row."""
    ours, theirs = (np.array([row[2] for row in rows], np.float64) for rows in (own, told))
    distance, chance = kolmogorov_smirnov(ours, theirs)
    state = "same"
    if distance >= MATTERS and chance < BY_CHANCE:
        state = "less_sure" if theirs.mean() < ours.mean() else "surer"
    return Drift(
        days=days,
        jobs=jobs,
        state=state,
        distance=round(distance, 4),
        chance=round(chance, 6),
        bank=_shares(own),
        now=_shares(told),
        classes=_classes(own, told),
    )


def kolmogorov_smirnov(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The largest distance of the two cumulative distributions (0…1), and the chance of at least that by luck."""
    both = np.concatenate([first, second])
    below = [np.searchsorted(np.sort(values), both, side="right") / len(values) for values in (first, second)]
    distance = float(np.abs(below[0] - below[1]).max())
    scale = np.sqrt(len(first) * len(second) / (len(first) + len(second)))
    # Stephens' correction, as in the book.
    at = (scale + 0.12 + 0.11 / scale) * distance
    if at < 0.2:
        # The series converges slowly there, to 1.
        return distance, 1.0
    terms = np.arange(1, 101)
    chance = float(2 * np.sum((-1.0) ** (terms - 1) * np.exp(-2 * (at * terms) ** 2)))
    return distance, min(1.0, max(0.0, chance))


def _jobs(ledger: Ledger, version: str, since: float) -> Iterator[Job]:
    for job in ledger.listed(JOBS, wanted=JobFilter()):
        if job.created >= since and job.bank == version and job.ok:
            yield job


def _told(settings: Settings, ledger: Ledger, job: Job) -> list[Told]:
    try:
        with caught_up(settings, ledger, job.id) as projection:
            return list(projection.certainties())
    except sqlite3.Error as error:
        _log.error("projection_unreadable", job=job.id, error=str(error))
        return []


def _own(found: Crossed) -> list[Told]:
    answers = found.answers
    verdicts = np.where(answers.answered, Verdict.LABEL, np.where(answers.foreign, Verdict.NOT_IN_BANK, Verdict.UNSURE))
    # Photos of a class without a second one are no measure of what jobs should look like.
    rows = np.flatnonzero(answers.counted).tolist()
    return [(found.labels[answers.label[i]], str(verdicts[i]), float(answers.confidence[i])) for i in rows]


def _shares(rows: list[Told]) -> DriftShares:
    verdicts = Counter(row[1] for row in rows)
    return DriftShares(
        photos=len(rows),
        confidence=round(float(np.median([row[2] for row in rows])), 4),
        label=round(verdicts[Verdict.LABEL] / len(rows), 4),
        unsure=round(verdicts[Verdict.UNSURE] / len(rows), 4),
        not_in_bank=round(verdicts[Verdict.NOT_IN_BANK] / len(rows), 4),
    )


def _classes(own: list[Told], told: list[Told]) -> list[DriftClass]:
    """Classes whose photos are more often without a definite result than the bank's own, the clearest first."""
    before, now = _open(own), _open(told)
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


def _open(rows: Iterable[Told]) -> dict[str, tuple[int, int]]:
    """Best class → photos without a definite result, photos."""
    counts: dict[str, tuple[int, int]] = {}
    for label, verdict, _ in rows:
        some, every = counts.get(label or "", (0, 0))
        counts[label or ""] = (some + (verdict != Verdict.LABEL), every + 1)
    return counts


def agresti_caffo(first: int, of_first: int, second: int, of_second: int) -> tuple[float, float]:
    """The 95 % interval of the difference second - first of two shares."""
    before, now = (first + 1) / (of_first + 2), (second + 1) / (of_second + 2)
    half = _Z * (before * (1 - before) / (of_first + 2) + now * (1 - now) / (of_second + 2)) ** 0.5
    return now - before - half, now - before + half


def drift_words(found: Drift) -> list[str]:
    """What the comparison says, in sentences."""
    bank, now = found.bank, found.now
    said = {
        "same": "no difference from the bank's own photos that matters",
        "less_sure": "less certain than the bank's own photos",
        "surer": "more certain than the bank's own photos",
    }[found.state]
    chance = "less than 0.1%" if found.chance < 0.001 else f"{found.chance:.1%}"
    jobs = "1 job" if found.jobs == 1 else f"{found.jobs} jobs"
    lines = [
        f"Jobs of the last {found.days} days ({jobs}, {now.photos} photos): {said}. Median confidence "
        f"{now.confidence:.0%} (bank: {bank.confidence:.0%}), recognised {now.label:.0%} ({bank.label:.0%}), unsure "
        f"{now.unsure:.0%} ({bank.unsure:.0%}), not in bank {now.not_in_bank:.0%} ({bank.not_in_bank:.0%}); "
        f"distributions differ by {found.distance:.2f}, by chance in {chance} of cases"
    ]
    if found.state == "less_sure":
        lines.append(
            "New fabrics, another camera or light, or a changed mix of classes may be why: review photos that are "
            "unsure, and add them to their classes"
        )
    return lines
