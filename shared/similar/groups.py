"""Groups of photos of one cloth that the bank has no class for."""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt

from shared.bank.bank import Bank
from shared.ranking.fitting.groups import components
from shared.similar.vectors import Floats, Ints, Vectors

#: Nearest photos that each one is compared with.
_NEIGHBOURS = 24
#: Photos up to which each is compared with every other; beyond, with those of the nearest cells.
_EXACT = 20_000
_CELL_ROWS, _SEARCHED_CELLS = 100, 8
#: Photos of a group, at least.
SMALLEST = 3
#: Share of a group's photos that are like its medoid, and by how much the threshold is raised where fewer are.
_ROUND, _STEP = 0.9, 0.02
#: Share of the bank's samples that may have a sample of another class as close as photos of one group are.
_MISTAKEN = 0.02
#: Samples of the bank that are looked at, and how many each is compared with.
_QUERIES, _COMPARED = 1_000, 20_000
#: Distance up to which two vectors are the same photo.
_COPY = 1e-3


@dataclass(frozen=True)
class Group:
    #: Positions in the job: first the photo that is most like all others (the medoid), then by falling likeness to it.
    items: list[int]
    #: Mean cosine of the others with the first.
    likeness: float


def neighbours(rows: Floats) -> tuple[Floats, Ints]:
    """For each of [n, d] L2-normalised rows, its nearest other rows: cosines and numbers [n, k]; −1 for none.

    Exact up to `_EXACT` rows; beyond, FAISS looks into the `_SEARCHED_CELLS` nearest cells of a k-means partition.
    """
    count, dim = rows.shape
    index: faiss.Index = faiss.IndexFlatIP(dim)
    if count > _EXACT:
        cells = count // _CELL_ROWS
        index = faiss.IndexIVFFlat(index, dim, cells, faiss.METRIC_INNER_PRODUCT)
        index.cp.niter, index.nprobe = 6, _SEARCHED_CELLS
        # FAISS asks for 39 rows per cell.
        index.train(rows[:: max(1, count // (40 * cells))])
    index.add(rows)
    cosines, found = index.search(rows, min(_NEIGHBOURS + 1, count))
    own = found == np.arange(count)[:, None]
    found[own], cosines[own] = -1, -1
    return cosines, found


def dense_groups(vectors: Vectors, threshold: float) -> list[Group]:
    """Groups of at least `SMALLEST` photos that lie close together, in cosine above `threshold`; the largest first.

    DBSCAN (Ester et al., 1996) on the graph of nearest neighbours: photos with `SMALLEST` − 1 others above the
    threshold are joined; one with fewer belongs to the nearest of those. A chain of different cloths, each a little
    like the next, is no group: where fewer than `_ROUND` of the photos are above the threshold with the medoid, the
    photos are grouped again with a higher one. On photos of 27 leathers that the bank does not know, more than nine of
    ten photos of a group are of one leather, as with HDBSCAN's leaves.
    """
    if len(vectors.rows) < SMALLEST:
        return []
    rows = vectors.rows.astype(np.float32)
    cosines, found = neighbours(rows)
    made: list[Group] = []
    left = np.ones(len(rows), dtype=bool)
    while left.any() and threshold < 1:
        of = _joined(cosines, found, threshold, left)
        left[:] = False
        for part in parts_of(of, SMALLEST):
            group, likeness = group_of(vectors, rows, part)
            if (likeness > threshold).mean() >= _ROUND:
                made.append(group)
            else:
                left[part] = True
        threshold += _STEP
    return sort_groups(made)


def _joined(cosines: Floats, found: Ints, threshold: float, among: npt.NDArray[np.bool_]) -> Ints:
    """[n] a number for each group of the rows `among`; −1 for rows in none."""
    close = (cosines > threshold) & (found >= 0) & among[:, None] & among[np.maximum(found, 0)]
    core = close.sum(axis=1) >= SMALLEST - 1
    left, place = np.nonzero(close)
    right = found[left, place]
    both = core[left] & core[right]
    of = components(len(found), left[both], right[both])
    # Neighbours are sorted, so the first core photo is the nearest.
    reach = close & core[np.maximum(found, 0)]
    edge = ~core & reach.any(axis=1)
    of[edge] = of[found[edge, reach[edge].argmax(axis=1)]]
    of[~core & ~edge] = -1
    return of


def closeness_of_one_class(bank: Bank) -> float:
    """The cosine that the nearest sample of another class reaches for `_MISTAKEN` of the bank's samples only: photos
    that are closer are taken as one cloth. 1.0 where the bank has one class or none, so that nothing is joined."""
    return likeness_across(bank, 1 - _MISTAKEN) or 1.0


def likeness_across(bank: Bank, share: float) -> float | None:
    """The cosine up to which the nearest sample of another class lies for this share of the bank's samples; None where
    the bank has one class or none."""
    count = len(bank.vectors)
    owner = np.repeat(np.arange(len(bank.labels)), bank.counts)
    if len(np.unique(owner)) < 2:
        return None
    compared = np.unique(np.linspace(0, count - 1, min(count, _COMPARED)).astype(np.int64))
    queries = np.unique(np.linspace(0, count - 1, min(count, _QUERIES)).astype(np.int64))
    cosines = bank.vectors[queries].astype(np.float32) @ bank.vectors[compared].astype(np.float32).T
    # A photo that is in two classes says nothing of how far classes are apart.
    cosines[(owner[queries][:, None] == owner[compared]) | (cosines > 1 - _COPY)] = -1
    return float(np.quantile(cosines.max(axis=1), share))


def parts_of(of: Ints, smallest: int) -> list[Ints]:
    """The rows of each group of at least so many."""
    order = np.argsort(of, kind="stable")
    order = order[of[order] >= 0]
    parts = np.split(order, np.flatnonzero(np.diff(of[order])) + 1) if len(order) else []
    return [part for part in parts if len(part) >= smallest]


def sort_groups(groups: list[Group]) -> list[Group]:
    """The largest first."""
    return sorted(groups, key=lambda group: (-len(group.items), -group.likeness))


def group_of(vectors: Vectors, rows: Floats, part: Ints) -> tuple[Group, Floats]:
    """The group of these rows, and the cosines of all others with its medoid."""
    mean = rows[part].mean(axis=0)
    # The photo nearest to the mean has the largest sum of cosines with all of its group: the medoid.
    medoid = part[int((rows[part] @ mean).argmax())]
    likeness = rows[part] @ rows[medoid]
    likeness[part == medoid] = 2.0
    order = np.argsort(-likeness, kind="stable")
    others = likeness[order[1:]]
    return Group(vectors.items[part[order]].tolist(), float(others.mean())), others
