"""A photo's answer depends on the photo alone; large banks answer as small ones do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.ranking import ranker as module
from shared.ranking.fine import Dense, Sparse
from shared.ranking.model import PRESETS, Ranking, Verdict
from shared.ranking.ranker import Ranker
from tests.banks import by_label, clustered, make_bank


@pytest.fixture(scope="module")
def queries() -> np.ndarray:
    return clustered(each=9, spread=0.6, seed=7).reshape(-1, 32)


def ranker(settings: Settings, each: int = 6) -> Ranker:
    make_bank(settings, by_label(clustered(12 if each < 20 else 4, each, spread=0.5)))
    return Ranker(BankStore(settings).load(), PRESETS["standard"])


def test_an_answer_does_not_depend_on_what_shares_the_micro_batch(settings: Settings, queries: np.ndarray) -> None:
    ranks = ranker(settings)
    together = ranks.rank(queries)
    assert [ranks.rank(query[None])[0] for query in queries] == together
    assert ranks.rank(queries[::-1])[::-1] == together
    assert ranks.rank(queries[:0]) == []


def test_candidates_come_best_first_with_their_nearest_sample_as_evidence(
    settings: Settings, queries: np.ndarray
) -> None:
    ranks = ranker(settings)
    rows = BankStore(settings).samples(ranks.bank.version)
    vectors = np.asarray(ranks.bank.vectors, np.float32)
    for query, answer in zip(queries, ranks.rank(queries), strict=True):
        scores = [candidate.score for candidate in answer.candidates]
        assert scores == sorted(scores, reverse=True)
        assert answer.label == answer.candidates[0].label
        for candidate in answer.candidates:
            own = [index for index, row in enumerate(rows) if row.label == candidate.label]
            best = own[int(np.argmax(vectors[own] @ query.astype(np.float16).astype(np.float32)))]
            assert candidate.sample == rows[best].id


@pytest.mark.parametrize("each", [6, 66])
def test_a_large_bank_answers_as_a_small_one(
    each: int, settings: Settings, queries: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ranker(settings, each=each)
    assert isinstance(small._fine, Dense)
    monkeypatch.setattr(module, "DENSE_ROWS", 0)
    large = Ranker(small.bank, PRESETS["standard"])
    assert isinstance(large._fine, Sparse)

    def essence(answers: list[Ranking]) -> list[tuple[object, ...]]:
        return [(a.label, a.verdict, a.candidates[0].sample, [c.label for c in a.candidates]) for a in answers]

    got, expected = essence(large.rank(queries)), essence(small.rank(queries))
    same = sum(a == b for a, b in zip(got, expected, strict=True))
    assert same == len(queries)


def test_a_class_below_min_samples_is_no_candidate(settings: Settings) -> None:
    arrays = by_label(clustered(each=6))
    arrays["class-03"] = arrays["class-03"][:4]
    make_bank(settings, arrays)
    bank = BankStore(settings).load()
    (strict,) = Ranker(bank, PRESETS["precise"]).rank(arrays["class-03"][:1])
    (lenient,) = Ranker(bank, PRESETS["realtime"]).rank(arrays["class-03"][:1])
    assert "class-03" not in [candidate.label for candidate in strict.candidates]
    assert lenient.label == "class-03"


def test_equal_scores_go_by_label(settings: Settings) -> None:
    one = clustered(1, 5)[0]
    make_bank(settings, {"b": one, "a": one, "c": one})
    (answer,) = Ranker(BankStore(settings).load(), PRESETS["realtime"]).rank(one[:1])
    assert [candidate.label for candidate in answer.candidates] == ["a", "b", "c"]


def test_centroids_alone_read_no_sample_and_show_none(settings: Settings, queries: np.ndarray) -> None:
    full = ranker(settings, each=6)
    bank = replace(full.bank, vectors=np.full_like(full.bank.vectors, np.nan))
    answers = Ranker(bank, PRESETS["standard"], centroids_only=True).rank(queries)
    expected = [full.bank.labels[best] for best in np.argmax(queries @ full.bank.centroids.T, axis=1)]
    assert [answer.label for answer in answers] == expected
    assert {candidate.sample for answer in answers for candidate in answer.candidates} == {None}
    assert Verdict.NOT_IN_BANK not in {answer.verdict for answer in answers}
    right = np.array([answer.confidence for answer in answers])
    assert right.min() >= 0
    assert right.max() <= 1
