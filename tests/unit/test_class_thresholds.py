"""A class whose answers are clearly wrong too often gets a stricter threshold; the promise over all stays kept."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scripts.cli.bank_words import promise_words
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.ranking.fitting.risk import CERTAINTY, LEAST_OF_CLASS, choose_threshold
from shared.ranking.model import Verdict
from shared.ranking.ranker import rank
from tests.banks import DIM, make_bank
from web.app import create_app
from web.bank_labels import promise as page_promise

CLASSES = 12
#: Share wrong of the answers of each class, whatever their confidence.
WRONG = np.array([0.45, *[0.005] * 9, 0.01, 0.02])


def drawn(seed: int, each: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(CLASSES), each)
    return rng.random(len(label)), rng.random(len(label)) >= WRONG[label], label


def test_the_class_that_is_wrong_too_often_is_not_answered() -> None:
    found = choose_threshold(*_with_label(drawn(1, 80)))
    assert found.certainty == CERTAINTY
    assert set(found.classes) == {0}
    assert found.classes[0] > found.confidence
    assert found.coverage < choose_threshold(*drawn(1, 80)[:2], 0.1).coverage


def test_the_promise_over_all_is_kept_in_nine_of_ten_banks() -> None:
    broken = stricter = wrongly = 0
    for seed in range(200):
        confidence, right, label = drawn(seed, 80)
        found = choose_threshold(confidence, right, 0.1, label)
        if found.certainty < CERTAINTY:
            continue
        stricter += bool(found.classes)
        wrongly += bool(set(found.classes) - {0})
        limits = np.minimum(found.limits(np.arange(CLASSES), CLASSES), 1)
        # Confidence says nothing here: each class answers the share above its threshold.
        given = 1 - limits
        broken += float((given * WRONG).sum() / given.sum()) > 0.1
    assert stricter > 150
    assert wrongly <= 4
    assert broken <= (1 - CERTAINTY) * 200


def test_small_classes_have_the_common_threshold() -> None:
    confidence, right, label = drawn(3, LEAST_OF_CLASS - 1)
    assert choose_threshold(confidence, right, 0.1, label) == choose_threshold(confidence, right, 0.1)


def test_a_bank_keeps_and_uses_the_stricter_threshold(settings: Settings) -> None:
    """Two classes of 40 are one cloth: each is taken for the other in half of the cases, however confident."""
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(CLASSES, 1, DIM))
    centres[1] = centres[0]
    rows = centres + 0.3 * rng.normal(size=(CLASSES, 44, DIM))
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    arrays = {f"class-{number:02d}": part[:40].astype(np.float32) for number, part in enumerate(rows)}
    bank = BankStore(settings).load(make_bank(settings, arrays))
    fit = bank.manifest.ranking.calibration["standard"]
    assert fit.risk_certainty == CERTAINTY
    assert set(fit.unsure_below_by_class) <= {"class-00", "class-01"}
    told = fit.model_copy(update={"unsure_below_by_class": {"class-00": 1.01}})
    promise = bank.manifest.ranking.model_copy(update={"calibration": {"*": told}}).promise_for("standard")
    assert promise_words(promise).endswith("stricter for classes that are wrong more often: class-00")
    with create_app(settings).test_request_context("/?lang=zh"):
        assert page_promise(promise).endswith("以下类别出错较多，要求更严：class-00。")
    answers = rank(bank, rows[:2, 40:].reshape(-1, DIM), "standard")
    assert np.mean([answer.verdict is Verdict.LABEL for answer in answers]) < 0.5


def _with_label(
    found: tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.int64]],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], float, npt.NDArray[np.int64]]:
    confidence, right, label = found
    return confidence, right, 0.1, label
