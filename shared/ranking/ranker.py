"""Ranks micro-batches of vectors against one bank under one preset."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from shared.bank.bank import Bank
from shared.errors import BankError, InvalidRequest
from shared.ranking.confidence import Calibration, softmax
from shared.ranking.methods import Floats, Ints, Method, combine
from shared.types import PRESETS, Candidate, Preset, Ranking, Verdict

#: Candidates shown for a photo.
SHOWN = 5
#: Queries are padded and multiplied in blocks of this many: BLAS picks kernels by shape, and each sums in its own
#: order, so that only one shape keeps a photo's answer from depending on how many others share its micro-batch.
_PAD = 16
#: Decimals of a score: finer differences are noise of the summation, and count as ties.
_DECIMALS = 5


def rank(bank: Bank, vectors: npt.ArrayLike, preset: Preset | str) -> list[Ranking]:
    """Ranks [n, d] L2-normalised vectors; one Ranking each, in order.

    Raises InvalidRequest("unknown_preset"), InvalidRequest (another dimension, NaN), BankError("bank_empty") where no
    class has `min_samples`.
    """
    if isinstance(preset, str):
        if preset not in PRESETS:
            raise InvalidRequest("unknown_preset", preset=preset, choices=", ".join(PRESETS))
        preset = PRESETS[preset]
    return ranker_for(bank, preset).rank(vectors)


@lru_cache(maxsize=16)
def ranker_for(bank: Bank, preset: Preset) -> Ranker:
    """The ranker of a bank and preset, made once; a worker holds few banks, and old ones leave the cache."""
    return Ranker(bank, preset)


def rounded(vectors: npt.ArrayLike) -> Floats:
    """Vectors as the cache keeps them (float16), so that a cache hit never changes an answer."""
    return np.asarray(vectors).astype(np.float16).astype(np.float32)


class Ranker:
    def __init__(self, bank: Bank, preset: Preset) -> None:
        ranked = np.flatnonzero(bank.counts >= preset.min_samples)
        if not len(ranked):
            raise BankError("bank_empty")
        settings = bank.manifest["ranking"]
        calibrations = settings["calibration"]
        self.bank = bank
        self.preset = preset
        #: [R] classes that this preset ranks.
        self.ranked: Ints = ranked.astype(np.int64)
        self.topc = min(preset.topc, len(ranked))
        self.method = Method.of(settings["method"])
        self.calibration = Calibration.of(calibrations.get(preset.name) or calibrations["*"])
        self._vectors: Floats = np.asarray(bank.vectors, dtype=np.float32)

    def rank(self, vectors: npt.ArrayLike) -> list[Ranking]:
        """See `rank`."""
        queries = rounded(vectors)
        if queries.ndim != 2 or queries.shape[1] != self.bank.dim or not np.isfinite(queries).all():
            raise InvalidRequest(reason=f"vectors must be finite and [n, {self.bank.dim}]")
        count = len(queries)
        if not count:
            return []
        queries = np.pad(queries, ((0, -count % _PAD), (0, 0)))
        blocks = [self._score(queries[start : start + _PAD]) for start in range(0, len(queries), _PAD)]
        classes, scores, cosines = (np.concatenate(part) for part in zip(*blocks, strict=True))
        return self._answers(classes[:count], scores[:count], cosines[:count])

    def _score(self, queries: Floats) -> tuple[Ints, Floats, Floats]:
        """[q, topc] classes by index and their fine scores, and [q, n] cosines to all samples."""
        bank = self.bank
        centroid = queries @ bank.centroids.T
        coarse = np.round(centroid[:, self.ranked], _DECIMALS)
        # Stable: equal coarse scores go by label.
        kept = self.ranked[np.sort(np.argsort(-coarse, axis=1, kind="stable")[:, : self.topc], axis=1)]
        cosines = np.minimum(queries @ self._vectors.T, 1)
        text = queries @ bank.texts.T if bank.texts is not None and self.method.text else None
        linear = queries @ bank.linear[:, :-1].T + bank.linear[:, -1] if bank.linear is not None else None
        fine = combine(self.method, bank.starts, cosines, centroid, text, linear)
        return kept, np.round(np.take_along_axis(fine, kept, axis=1), _DECIMALS), cosines

    def _answers(self, classes: Ints, scores: Floats, cosines: Floats) -> list[Ranking]:
        bank = self.bank
        shares = softmax(scores, self.calibration.temperature)
        order = np.argsort(-scores, axis=1, kind="stable")
        top = np.take_along_axis(shares, order[:, :2], axis=1)
        confidences = np.clip(self.calibration.confidence(top[:, 0]), 0, 1)
        margins = top[:, 0] - (top[:, 1] if top.shape[1] > 1 else 0)
        shown = order[:, :SHOWN]
        best_classes = np.take_along_axis(classes, shown, axis=1)
        best_scores = np.take_along_axis(scores, shown, axis=1)
        samples, nearest = self._evidence(best_classes, cosines)
        foreign = self.calibration.foreign(nearest.max(axis=1), best_scores[:, 0])
        rows = zip(
            best_classes.tolist(), best_scores.tolist(), samples, foreign, confidences.tolist(), margins.tolist(),
            strict=True,
        )  # fmt: skip
        answers = []
        for indices, values, ids, strange, confidence, margin in rows:
            candidates = tuple(
                Candidate(bank.labels[index], round(value, _DECIMALS), sample)
                for index, value, sample in zip(indices, values, ids, strict=True)
            )
            label = candidates[0].label
            sure = confidence >= self.calibration.sure_from(label)
            verdict = Verdict.NOT_IN_BANK if strange else Verdict.LABEL if sure else Verdict.UNSURE
            answers.append(Ranking(verdict, label, round(confidence, 4), round(margin, 4), candidates))
        return answers

    def _evidence(self, classes: Ints, cosines: Floats) -> tuple[list[list[str]], Floats]:
        """Ids and cosines of the nearest sample of each of [q, k] classes."""
        starts, ids = self.bank.starts, self.bank.ids
        nearest = np.empty(classes.shape, np.float32)
        samples = []
        for row, indices in enumerate(classes.tolist()):
            found = []
            for column, index in enumerate(indices):
                first = starts[index]
                own = cosines[row, first : starts[index + 1]]
                best = int(own.argmax())
                nearest[row, column] = own[best]
                found.append(ids[first + best].decode())
            samples.append(found)
        return samples, nearest
