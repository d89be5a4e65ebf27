"""What becomes of the parents of classes in a leave-one-out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.ranking.fitting.left_out import LeftOut
from shared.ranking.fitting.measure import Bools
from shared.ranking.fitting.whole_bank import WholeBank
from shared.ranking.methods import Floats, Ints
from shared.ranking.parents import best_parent


@dataclass(frozen=True)
class ParentOutcomes:
    """What became of the parents of all queries, [q] each."""

    #: Numbers of the best parent and of the right class's; -1: none.
    found: Ints
    truth: Ints
    #: Summed probability of the best parent's classes.
    share: npt.NDArray[np.float64]
    #: The parent is the answer: the class is unsure, and the parent is not.
    answered: Bools

    @property
    def right(self) -> Bools:
        same: Bools = (self.found == self.truth) & (self.found >= 0)
        return same


def parents_of_columns(loo: LeftOut, parent_of: Ints) -> Ints:
    """[q, c] the parents of the classes of `loo`'s columns."""
    if isinstance(loo, WholeBank):
        return parent_of[loo.classes]
    shape = (len(loo.truth), len(parent_of))
    found: Ints = np.broadcast_to(parent_of, shape)
    return found


def best_parents(shares: Floats, parents: Ints) -> tuple[Ints, Floats]:
    """As a ranker finds it, whose classes are sorted."""
    order = np.argsort(-shares, axis=1, kind="stable")
    return best_parent(np.take_along_axis(shares, order, axis=1), np.take_along_axis(parents, order, axis=1))
