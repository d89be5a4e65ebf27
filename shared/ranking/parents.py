"""Parents of classes: where crinkle and pearl chiffon are equally likely, the photo shows chiffon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from shared.bank.manifest import ClassEntry, Parent
from shared.ranking.methods import Floats, Ints

#: Best classes of a photo whose probabilities are summed; the others' are next to nothing.
_SUMMED = 32


def parents_of(classes: Sequence[ClassEntry]) -> tuple[Ints, tuple[Parent, ...]]:
    """[C] number of each class's parent, and the parents by number.

    -1: it has none, or is the only class of its parent, which then says no more than the class itself.
    """
    sizes = Counter(entry.parent.label for entry in classes if entry.parent is not None)
    found = {e.parent.label: e.parent for e in classes if e.parent is not None and sizes[e.parent.label] > 1}
    numbers = {label: number for number, label in enumerate(sorted(found))}
    of = [numbers.get(entry.parent.label, -1) if entry.parent is not None else -1 for entry in classes]
    return np.array(of, np.int64).reshape(-1), tuple(found[label] for label in sorted(found))


def best_parent(shares: Floats, parents: Ints) -> tuple[Ints, Floats]:
    """[q] the parent whose classes have the largest probability together (-1: none), and that probability.

    shares: [q, k] probabilities of classes, best first; parents: [q, k] each one's parent (-1: none). Ties go to the
    parent of the better class.
    """
    shares, parents = shares[:, :_SUMMED], parents[:, :_SUMMED]
    same = (parents[:, :, None] == parents[:, None, :]) & (parents >= 0)[:, :, None]
    sums = np.einsum("qij,qj->qi", same, shares)
    best = sums.argmax(axis=1)[:, None]
    found: Ints = np.take_along_axis(parents, best, axis=1)[:, 0]
    share: Floats = np.take_along_axis(sums, best, axis=1)[:, 0].astype(np.float32)
    # Where no class has a parent, all sums are 0.
    return np.where(share > 0, found, -1), share
