"""The ranking rule of earlier versions as a baseline: centroids → best classes → best sample."""

from __future__ import annotations

import numpy as np

from shared.ranking.fitting.leave_out import LeaveOneOut, ranks
from shared.ranking.methods import Floats, Ints

#: Classes kept by the first stage.
TOPC = 10


def baseline_ranks(loo: LeaveOneOut, asked: Floats, truth: Ints, photo: Ints, topc: int = TOPC) -> Ints:
    """[q] classes before the right one of queries [q, d], each one's own photo left out of every class that holds it.

    Queries may be photos of several classes (groups `photo`): then only the class in `truth` counts as right.
    """
    rows, owner, starts = loo.vectors, loo.owner, loo.starts[:-1]
    sums = np.add.reduceat(rows, starts, axis=0)
    scores = np.full((len(asked), loo.classes), -np.inf, np.float32)
    for number, query in enumerate(asked):
        own = np.flatnonzero(loo.groups.of == photo[number])
        left = sums.copy()
        np.subtract.at(left, owner[own], rows[own])
        emptied = np.bincount(owner[own], minlength=loo.classes) == np.diff(loo.starts)
        coarse = np.where(emptied, -np.inf, left @ query / np.maximum(np.linalg.norm(left, axis=1), 1e-9))
        cosines = rows @ query
        cosines[own] = -np.inf
        best = np.maximum.reduceat(cosines, starts)
        kept = np.argsort(-coarse, kind="stable")[:topc]
        scores[number, kept] = best[kept]
    return ranks(scores, truth)
