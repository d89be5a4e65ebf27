"""Leave-one-out within a bank: each distinct photo is ranked against the rest, without its near-duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.bank.ranking_fit import Method
from shared.ranking.fitting.groups import Groups, find_groups
from shared.ranking.fitting.linear import LeaveOneOutSolver, span
from shared.ranking.methods import LINEAR, Floats, Ints, best_mean, combine

#: Maximum number of queries; larger banks are evaluated on an even sample.
MAX_QUERIES = 2000


@dataclass(frozen=True)
class LeaveOneOut:
    """Scores of left-out queries. Classes without remaining samples score -inf."""

    vectors: Floats
    #: [n] class of each row, ascending.
    owner: Ints
    classes: int
    groups: Groups
    #: [q, d] query vectors, usually rows of the bank itself.
    asked: Floats
    #: [q] correct classes.
    truth: Ints
    #: [q] group of the query's own photo; -1 if the bank does not contain it.
    photo: Ints
    #: [q] rows of the queries, in the bank that `of` was given.
    queries: Ints
    texts: Floats | None

    @classmethod
    def of(
        cls,
        vectors: npt.NDArray[Any],
        owner: Ints,
        texts: Floats | None = None,
        groups: Groups | None = None,
        most: int = MAX_QUERIES,
    ) -> LeaveOneOut:
        """Queries: photos that belong to one class only, at most `most`. `owner` ascends over all classes 0…C-1."""
        groups = groups or find_groups(vectors, owner)
        queries = groups.queries
        if len(queries) > most:
            queries = queries[np.linspace(0, len(queries) - 1, most).astype(np.int64)]
        rows = np.asarray(vectors, dtype=np.float32)
        photo = groups.of[queries]
        return cls(rows, owner, int(owner[-1]) + 1, groups, rows[queries], owner[queries], photo, queries, texts)

    def without(self, removed: npt.NDArray[np.bool_]) -> tuple[LeaveOneOut, Ints]:
        """The same queries against the bank without the rows `removed` ([n]), and the numbers of the remaining classes.

        Queries of removed classes are dropped.
        """
        present, owner = np.unique(self.owner[~removed], return_inverse=True)
        known, of = np.unique(self.groups.of[~removed], return_inverse=True)
        stays = np.isin(self.truth, present)
        photo = np.where(np.isin(self.photo, known), np.searchsorted(known, self.photo), -1)
        owner = owner.astype(np.int64)
        smaller = LeaveOneOut(
            vectors=self.vectors[~removed],
            owner=owner,
            classes=len(present),
            groups=Groups.numbered(of, owner, self.groups.threshold),
            asked=self.asked[stays],
            truth=np.searchsorted(present, self.truth[stays]).astype(np.int64),
            photo=photo[stays].astype(np.int64),
            queries=self.queries[stays],
            texts=None if self.texts is None else self.texts[present],
        )
        return smaller, present

    @cached_property
    def answerable(self) -> npt.NDArray[np.bool_]:
        """[q] whether the query's class has another photo."""
        others = np.bincount(self.owner, minlength=self.classes)[self.truth]
        left: npt.NDArray[np.bool_] = others > self._left_out.sum(axis=1)
        return left

    @cached_property
    def starts(self) -> Ints:
        counts = np.bincount(self.owner, minlength=self.classes)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    @property
    def threshold(self) -> float:
        """The cosine above which rows are one photo."""
        return self.groups.threshold

    @cached_property
    def sizes(self) -> Ints:
        """[q, C] samples of each class."""
        found: Ints = np.broadcast_to(np.diff(self.starts), (len(self.truth), self.classes))
        return found

    @cached_property
    def nearest(self) -> Floats:
        """[q, C] the best cosine to a sample; -inf where all are left out."""
        return best_mean(self.cosines, self.starts, 1)

    @cached_property
    def _left_out(self) -> npt.NDArray[np.bool_]:
        """[q, n] rows that are the query's own photo."""
        same: npt.NDArray[np.bool_] = self.groups.of[None, :] == self.photo[:, None]
        return same

    @cached_property
    def cosines(self) -> Floats:
        """[q, n] cosines to all samples; -inf for the query's own photo."""
        values = np.minimum(self.asked @ self.vectors.T, 1)
        values[self._left_out] = -np.inf
        return np.asarray(values)

    @cached_property
    def centroid(self) -> Floats:
        """[q, C] cosines to centroids computed without the query's own photo; -inf for empty classes."""
        sums = np.add.reduceat(self.vectors, self.starts[:-1], axis=0)
        query = self.asked
        values = query @ (sums / np.linalg.norm(sums, axis=1, keepdims=True)).T
        # A query belongs to one class only, so only that class's centroid changes.
        own = sums[self.truth] - self._left_out.astype(np.float32) @ self.vectors
        lengths = np.linalg.norm(own, axis=1)
        inner = np.einsum("qd,qd->q", query, own) / np.maximum(lengths, 1e-9)
        values[np.arange(len(query)), self.truth] = np.where(self.answerable, inner, -np.inf)
        return np.asarray(values)

    @cached_property
    def text(self) -> Floats | None:
        """[q, C] cosines to class names."""
        return None if self.texts is None else np.asarray(self.asked @ self.texts.T)

    @cached_property
    def _rotated(self) -> npt.NDArray[np.float64]:
        return span(np.concatenate([self.vectors, self.asked]))

    @cached_property
    def _linear(self) -> dict[tuple[str, float], tuple[Floats, Floats]]:
        return {}

    def linear(self, method: Method) -> tuple[Floats, Floats]:
        """[q, C] scores of a linear method fitted without the query's own photo, and without its whole class."""
        key = (method.name, method.shrink)
        if key not in self._linear:
            count = len(self.vectors)
            fitted = LeaveOneOutSolver(method, self._rotated[:count], self.starts)
            asked = fitted.whiten(self._rotated[count:])
            scores = np.empty((len(self.truth), self.classes), np.float32)
            out_of_bank = np.empty_like(scores)
            for number, label in enumerate(self.truth.tolist()):
                removed = self._left_out[number, self.starts[label] : self.starts[label + 1]]
                scores[number] = fitted.scores(asked[number], label, removed)
                out_of_bank[number] = fitted.scores(asked[number], label, np.ones(len(removed), bool))
            self._linear[key] = scores, out_of_bank
        return self._linear[key]

    def scores(self, method: Method) -> Floats:
        """[q, C] fine scores without the query's own photo."""
        linear = self.linear(method)[0] if method.name in LINEAR else None
        return combine(method, self.starts, self.cosines, self.centroid, self.text, linear)

    def out_of_bank_scores(self, method: Method) -> Floats:
        """[q, C] fine scores without the query's whole class, as if it were not in the bank; -inf for that class."""
        linear = self.linear(method)[1] if method.name in LINEAR else None
        # `combine` may return one of the cached arrays itself.
        scores = combine(method, self.starts, self.cosines, self.centroid, self.text, linear).copy()
        scores[np.arange(len(scores)), self.truth] = -np.inf
        return scores


def ranks(scores: Floats, truth: Ints) -> Ints:
    """[q] number of classes ranked before the correct one; ties by class number; -inf comes last."""
    own = np.take_along_axis(scores, truth[:, None], axis=1)
    columns = np.arange(scores.shape[1])
    before = (scores > own) | ((scores == own) & (columns < truth[:, None]))
    found: Ints = np.where(np.isfinite(own[:, 0]), before.sum(axis=1), scores.shape[1])
    return found
