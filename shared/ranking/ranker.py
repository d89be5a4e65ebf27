"""Ranks micro-batches of vectors against one bank with one preset."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shared.bank.bank import Bank
from shared.bank.ranking_fit import CentroidRanking, NameScale
from shared.core.errors import BankError, InvalidRequest
from shared.ranking.class_samples import largest
from shared.ranking.confidence import Calibration, softmax
from shared.ranking.fine import Centroids, Dense, FineStage, Sparse
from shared.ranking.methods import Floats, Ints
from shared.ranking.model import DENSE_ROWS, PRESETS, Candidate, ParentAnswer, Preset, Ranking, Verdict
from shared.ranking.names import NameRanker
from shared.ranking.parents import best_parent, parents_of

#: Candidates per photo.
MAX_CANDIDATES = 5
#: Classes up to which the coarse stage sorts all of them; more are partitioned first, a photo at a time.
_SORTED_WHOLE = 500
#: Decimals of a score: smaller differences are summation noise and count as ties.
_DECIMALS = 5


def rank(bank: Bank, vectors: npt.ArrayLike, preset: Preset | str, *, centroids_only: bool = False) -> list[Ranking]:
    """Ranks [n, d] L2-normalised vectors; one Ranking each, in order.

    `centroids_only`: saves memory; reads no samples, candidates have none, and no photo is `not_in_bank`.

    Classes with fewer than `min_samples` are ranked by name where the bank has class-name embeddings; their candidates
    have no sample. Raises InvalidRequest("unknown_preset"), InvalidRequest (another dimension, NaN),
    BankError("bank_empty") where no class can be ranked.
    """
    if isinstance(preset, str):
        if preset not in PRESETS:
            raise InvalidRequest("unknown_preset", preset=preset, choices=", ".join(PRESETS))
        preset = PRESETS[preset]
    return ranker_for(bank, preset, centroids_only).rank(vectors)


def ranker_for(bank: Bank, preset: Preset, centroids_only: bool = False) -> Ranker:
    """The ranker of a bank and preset, which is kept with the bank."""
    key = (preset, centroids_only)
    found: Ranker | None = bank.rankers.get(key)
    return found if found is not None else bank.rankers.setdefault(key, Ranker(bank, preset, centroids_only))


def memory_bytes(bank: Bank) -> int:
    """About what a bank takes in memory once it has ranked with one preset; files that are only mapped do not count."""
    rows = min(bank.rows, DENSE_ROWS) + 3 * len(bank.labels)
    return 4 * bank.dim * rows


def rounded(vectors: npt.ArrayLike) -> Floats:
    """Vectors in the cached precision (float16), so that a cache hit never changes an answer."""
    return np.asarray(vectors).astype(np.float16).astype(np.float32)


class Ranker:
    def __init__(self, bank: Bank, preset: Preset, centroids_only: bool = False) -> None:
        ranked = np.flatnonzero(bank.counts >= preset.min_samples)
        fit = bank.manifest.ranking
        # Banks made before centroids were calibrated: the default temperature fits cosines as well.
        calibrated = (fit.centroids or CentroidRanking(calibration={})) if centroids_only else fit
        self._name_ranker = _name_ranker(bank, preset, calibrated.names)
        if not len(ranked) and not len(self._name_ranker.classes):
            raise BankError("bank_empty")
        #: Classes by number: those with samples, then those without.
        self._labels = (*bank.labels, *(entry.label for entry in bank.manifest.unused_classes))
        self.bank = bank
        self.preset = preset
        #: [R] classes that this preset ranks.
        self.ranked: Ints = ranked.astype(np.int64)
        self.topc = min(preset.topc, len(ranked))
        self.method = fit.method
        self.calibration = Calibration.of(calibrated.calibration.get(preset.name) or fit.calibration["*"])
        entries = [*bank.manifest.classes, *bank.manifest.unused_classes]
        numbers, self._parents = parents_of(entries)
        #: [classes] number of each one's parent; None where parents are no answers.
        self._parent_of = numbers if self._parents and self.calibration.parent_from is not None else None
        self._fine: FineStage | None = None
        if len(ranked) and centroids_only:
            self._fine = Centroids(bank, self.ranked)
        elif len(ranked):
            self._fine = (Dense if bank.rows <= DENSE_ROWS else Sparse)(bank, self.method, self.ranked)

    def rank(self, vectors: npt.ArrayLike) -> list[Ranking]:
        """See `rank`."""
        queries = rounded(vectors)
        if queries.ndim != 2 or queries.shape[1] != self.bank.dim or not np.isfinite(queries).all():
            raise InvalidRequest(reason=f"vectors must be finite and [n, {self.bank.dim}]")
        if not len(queries):
            return []
        return self._answers(*self._score(queries))

    def _score(self, queries: Floats) -> tuple[Ints, Floats, Ints, Floats]:
        """What `_answers` takes, for [q, d] queries."""
        name_ranked = np.broadcast_to(self._name_ranker.classes, (len(queries), len(self._name_ranker.classes)))
        by_name = np.round(self._name_ranker.scores(queries), _DECIMALS)
        if self._fine is None:
            kept, scores = _sorted(name_ranked, by_name)
            shape = kept[:, :MAX_CANDIDATES].shape
            return kept, scores, np.full(shape, -1), np.full(shape, -1, np.float32)
        block = self._fine.query(queries)
        coarse = np.round(block.coarse, _DECIMALS)
        kept = self.ranked[np.sort(_topmost(coarse, self.topc), axis=1)]
        scores = np.round(block.scores(kept), _DECIMALS)
        if not len(self._name_ranker.classes):
            kept, scores = _sorted(kept, scores)
            return kept, scores, *block.evidence(kept[:, :MAX_CANDIDATES])
        sampled = kept[:, :1]
        kept, scores = _sorted(np.concatenate([kept, name_ranked], axis=1), np.concatenate([scores, by_name], axis=1))
        alone = np.isin(kept[:, :MAX_CANDIDATES], self._name_ranker.classes)
        samples, nearest = block.evidence(np.where(alone, sampled, kept[:, :MAX_CANDIDATES]))
        return kept, scores, np.where(alone, -1, samples), np.where(alone, np.float32(-1), nearest)

    def _answers(self, classes: Ints, scores: Floats, samples: Ints, nearest: Floats) -> list[Ranking]:
        """From [q, k] classes and scores, best first, and [q, shown] nearest samples' rows (-1: none) and cosines."""
        labels = self._labels
        shares = softmax(scores, self.calibration.temperature)
        confidences = np.clip(self.calibration.confidence(shares[:, 0]), 0, 1)
        margins = shares[:, 0] - (shares[:, 1] if shares.shape[1] > 1 else 0)
        out_of_bank = self.calibration.out_of_bank(nearest.max(axis=1), scores[:, 0]) & (samples[:, 0] >= 0)
        best = scores[:, :MAX_CANDIDATES].astype(np.float64).round(_DECIMALS)
        rows = zip(
            classes[:, :MAX_CANDIDATES].tolist(), best.tolist(), self._ids(samples), out_of_bank.tolist(),
            confidences.astype(np.float64).round(4).tolist(), margins.astype(np.float64).round(4).tolist(),
            strict=True,
        )  # fmt: skip
        parents = self._parent_answers(classes, shares)
        answers = []
        for number, (indices, values, found, is_out_of_bank, confidence, margin) in enumerate(rows):
            candidates = tuple(map(Candidate, map(labels.__getitem__, indices), values, found))
            label = candidates[0].label
            sure = confidence >= self.calibration.answer_threshold(label)
            verdict = Verdict.NOT_IN_BANK if is_out_of_bank else Verdict.LABEL if sure else Verdict.UNSURE
            parent = parents.get(number) if verdict is Verdict.UNSURE else None
            answers.append(Ranking(verdict, label, confidence, margin, candidates, parent))
        return answers

    def _parent_answers(self, classes: Ints, shares: Floats) -> dict[int, ParentAnswer]:
        """Parents that are sure enough, by row of [q, k] classes and probabilities, best first."""
        limit = self.calibration.parent_from
        if self._parent_of is None or limit is None:
            return {}
        best, share = best_parent(shares, self._parent_of[classes])
        found = {}
        for row in np.flatnonzero((best >= 0) & (share >= limit)).tolist():
            parent = self._parents[best[row]]
            found[row] = ParentAnswer(parent.label, round(float(min(share[row], 1)), 4), parent.zh, parent.en)
        return found

    def _ids(self, samples: Ints) -> list[list[str | None]]:
        """Ids of rows [q, shown]."""
        if (samples >= 0).all():
            plain: list[list[str | None]] = self.bank.ids[samples].astype(str).tolist()
            return plain
        found: npt.NDArray[np.object_] = np.full(samples.shape, None, object)
        known = samples >= 0
        found[known] = self.bank.ids[samples[known]].astype(str)
        ids: list[list[str | None]] = found.tolist()
        return ids


def _name_ranker(bank: Bank, preset: Preset, scale: NameScale) -> NameRanker:
    """Ranks the classes with too few samples for the preset, or with none; empty if the bank has no texts."""
    few = np.flatnonzero(bank.counts < preset.min_samples)
    texts, classes = [np.empty((0, bank.dim), np.float32)], [np.empty(0, np.int64)]
    if bank.texts is not None:
        texts.append(bank.texts[few])
        classes.append(few)
    if bank.names is not None:
        texts.append(bank.names)
        classes.append(len(bank.labels) + np.arange(len(bank.names)))
    return NameRanker(np.concatenate(texts), np.concatenate(classes).astype(np.int64), scale)


def _topmost(scores: Floats, count: int) -> Ints:
    """[q, count] columns of the best scores of [q, n], best first; equal ones go by column, which is by label."""
    if scores.shape[1] <= _SORTED_WHOLE:
        return np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return np.stack([largest(line, count) for line in scores])


def _sorted(classes: Ints, scores: Floats) -> tuple[Ints, Floats]:
    """Both [q, k], best first; stable for equal scores."""
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(classes, order, axis=1), np.take_along_axis(scores, order, axis=1)
