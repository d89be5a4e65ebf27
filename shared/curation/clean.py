"""`weft bank clean`: which samples to set aside, and the version without them. Nothing is deleted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shared.bank.bank import Bank
from shared.bank.manifest import Origin
from shared.bank.samples import Sample
from shared.bank.store import BankStore
from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.curation.check import leave_one_out
from shared.curation.derive import Change, derive
from shared.curation.findings import poor_photos
from shared.curation.reports import BeforeAfter, ClassChange, CleaningPlan, LeaveOneOutFigures, SampleAside
from shared.curation.writer import Progress, silent
from shared.ranking.fitting.fit import sample_for_evaluation
from shared.ranking.fitting.groups import Groups, find_groups
from shared.ranking.fitting.leave_out import LeaveOneOut
from shared.ranking.methods import Ints

#: Samples a class to keep.
KEEP = 8
#: A poor photo stays while its class would have fewer others than this.
_POOR_LEAVES = 3
#: Rows of a class between which likeness is compared; more are thinned out evenly first.
_MOST_OF_CLASS = 2_000


def plan_cleaning(
    settings: Settings, version: str | None = None, keep: int = KEEP, progress: Progress = silent
) -> CleaningPlan:
    """What cleaning a version (None: the active one) would set aside; changes nothing.

    Raises InvalidRequest (keep < 2), NotFound, BankError.
    """
    if keep < 2:
        raise InvalidRequest(reason="keep at least 2 samples per class")
    store = BankStore(settings)
    bank = store.load(version)
    rows = store.samples(bank.version)
    owner = np.repeat(np.arange(len(bank.labels)), bank.counts)
    groups = find_groups(bank.vectors, owner)
    reasons = choose_aside(bank, rows, owner, groups, keep)
    aside = [reasons[row] for row in sorted(reasons)]
    left = np.bincount(np.delete(owner, sorted(reasons)), minlength=len(bank.labels))
    counted: dict[str, int] = {}
    for row in aside:
        counted[row.reason] = counted.get(row.reason, 0) + 1
    before, after = _judge(bank, owner, sorted(reasons), progress)
    return CleaningPlan(
        version=bank.version,
        keep=keep,
        aside=aside,
        reasons=counted,
        classes=[
            ClassChange(label=label, before=int(b), after=int(a))
            for label, b, a in zip(bank.labels, bank.counts, left, strict=True)
        ],
        classes_lost=[label for label, a in zip(bank.labels, left, strict=True) if not a],
        samples=BeforeAfter[int](before=len(rows), after=int(left.sum())),
        leave_one_out=BeforeAfter[LeaveOneOutFigures | None](before=before, after=after),
    )


def apply_cleaning(
    settings: Settings, plan: CleaningPlan, name: str = "", progress: Progress = silent, by: str | None = None
) -> str:
    """Makes the version that a plan describes and returns it, not yet published. `by`: who asks for it.

    Raises as `derive` does; InvalidRequest where the plan sets nothing aside.
    """
    if not plan.aside:
        raise InvalidRequest(reason="there is nothing to set aside")
    change = Change(aside={row.id: row.reason for row in plan.aside})
    return derive(settings, plan.version, change, name=name or None, origin=Origin.CLEAN, progress=progress, by=by)


def choose_aside(bank: Bank, rows: Sequence[Sample], owner: Ints, groups: Groups, keep: int) -> dict[int, SampleAside]:
    """By row, the samples that cleaning sets aside."""
    aside: dict[int, SampleAside] = {}

    def put(row: int, reason: str) -> SampleAside:
        return SampleAside(id=rows[row].id, label=rows[row].label, name=rows[row].name, reason=reason)

    first_of: dict[tuple[int, int], int] = {}
    classes_of: dict[int, set[str]] = {}
    for row in np.flatnonzero(groups.across[groups.of]).tolist():
        classes_of.setdefault(int(groups.of[row]), set()).add(bank.labels[owner[row]])
    for row in range(len(rows)):
        group = int(groups.of[row])
        if group in classes_of:
            aside[row] = put(row, "across").model_copy(update={"classes": sorted(classes_of[group])})
        elif (first := first_of.setdefault((group, int(owner[row])), row)) != row:
            aside[row] = put(row, "duplicate").model_copy(update={"of": rows[first].id})
    place = {row.id: index for index, row in enumerate(rows)}
    remaining = np.bincount(np.delete(owner, sorted(aside)), minlength=len(bank.labels))
    for reason, ids in poor_photos(rows, bank.manifest.encoder.input_size).items():
        for identifier in ids:
            row = place[identifier]
            if row not in aside and remaining[owner[row]] > _POOR_LEAVES:
                remaining[owner[row]] -= 1
                aside[row] = put(row, reason)
    for label in np.flatnonzero(remaining > keep):
        own = np.array([row for row in range(bank.starts[label], bank.starts[label + 1]) if row not in aside])
        chosen = own[representative(np.asarray(bank.vectors[own], np.float32), keep)]
        aside |= {row: put(row, "surplus") for row in np.setdiff1d(own, chosen).tolist()}
    return aside


def representative(vectors: npt.NDArray[np.float32], count: int) -> Ints:
    """[count] rows that stand for all of [n, d]: greedy facility location, each row well matched by one that is kept.

    That keeps the usual look and the other lightings and angles alike; it is within 1 - 1/e of the best choice
    (Nemhauser et al., 1978).
    """
    rows = np.arange(len(vectors))
    if len(rows) > _MOST_OF_CLASS:
        rows = rows[np.linspace(0, len(rows) - 1, _MOST_OF_CLASS).astype(int)]
    likeness = vectors[rows] @ vectors[rows].T
    covered = np.full(len(rows), -1.0, np.float32)
    chosen: list[int] = []
    for _ in range(min(count, len(rows))):
        gain = np.maximum(likeness, covered[:, None]).sum(axis=0)
        gain[chosen] = -np.inf
        best = int(gain.argmax())
        chosen.append(best)
        covered = np.maximum(covered, likeness[:, best])
    return np.sort(rows[chosen]).astype(np.int64)


def _judge(
    bank: Bank, owner: Ints, gone: list[int], progress: Progress
) -> tuple[LeaveOneOutFigures | None, LeaveOneOutFigures | None]:
    """Leave-one-out before and after, asking the same photos: those of one class, whether they are kept or not."""
    if not bank.meaningful:
        return None, None
    rows = sample_for_evaluation(owner)
    present, sampled = np.unique(owner[rows], return_inverse=True)
    labels = tuple(bank.labels[index] for index in present)
    texts = None if bank.texts is None else bank.texts[present]
    before = LeaveOneOut.of(bank.vectors[rows], sampled.astype(np.int64), texts)
    after, left = before.without(np.isin(rows, gone))
    return (
        leave_one_out(before, labels, progress),
        leave_one_out(after, tuple(labels[index] for index in left), progress),
    )
