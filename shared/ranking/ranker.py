"""Ranks micro-batches of vectors against one bank under one preset."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from shared.bank.bank import Bank
from shared.errors import BankError, InvalidRequest
from shared.ranking.confidence import Calibration, softmax
from shared.ranking.fine import DENSE_ROWS, Dense, Fine, Sparse
from shared.ranking.methods import Floats, Ints, Method
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
        self._fine: Fine = (Dense if len(bank.vectors) <= DENSE_ROWS else Sparse)(bank, self.method, self.ranked)

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
        classes, scores, samples, nearest = (np.concatenate(part)[:count] for part in zip(*blocks, strict=True))
        return self._answers(classes, scores, samples, nearest)

    def _score(self, queries: Floats) -> tuple[Ints, Floats, Ints, Floats]:
        """What `_answers` takes, for one block [q, d]."""
        block = self._fine.look(queries)
        coarse = np.round(block.coarse, _DECIMALS)
        # Stable: equal coarse scores go by label.
        kept = self.ranked[np.sort(np.argsort(-coarse, axis=1, kind="stable")[:, : self.topc], axis=1)]
        scores = np.round(block.scores(kept), _DECIMALS)
        order = np.argsort(-scores, axis=1, kind="stable")
        kept, scores = np.take_along_axis(kept, order, axis=1), np.take_along_axis(scores, order, axis=1)
        samples, nearest = block.evidence(kept[:, :SHOWN])
        return kept, scores, samples, nearest

    def _answers(self, classes: Ints, scores: Floats, samples: Ints, nearest: Floats) -> list[Ranking]:
        """From [q, topc] classes and scores, best first, and the [q, shown] nearest samples' rows and cosines."""
        labels, ids = self.bank.labels, self.bank.ids
        shares = softmax(scores, self.calibration.temperature)
        confidences = np.clip(self.calibration.confidence(shares[:, 0]), 0, 1)
        margins = shares[:, 0] - (shares[:, 1] if shares.shape[1] > 1 else 0)
        foreign = self.calibration.foreign(nearest.max(axis=1), scores[:, 0])
        best = scores[:, :SHOWN].astype(np.float64).round(_DECIMALS)
        names = ids[samples].astype(str)
        rows = zip(
            classes[:, :SHOWN].tolist(), best.tolist(), names.tolist(), foreign.tolist(),
            confidences.astype(np.float64).round(4).tolist(), margins.astype(np.float64).round(4).tolist(),
            strict=True,
        )  # fmt: skip
        answers = []
        for indices, values, found, strange, confidence, margin in rows:
            candidates = tuple(map(Candidate, map(labels.__getitem__, indices), values, found))
            label = candidates[0].label
            sure = confidence >= self.calibration.sure_from(label)
            verdict = Verdict.NOT_IN_BANK if strange else Verdict.LABEL if sure else Verdict.UNSURE
            answers.append(Ranking(verdict, label, confidence, margin, candidates))
        return answers
