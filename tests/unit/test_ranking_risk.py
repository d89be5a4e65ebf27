"""The stated risk is kept by new photos in nine of ten banks, and a bank with too few photos says so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import betabinom, binom

from scripts.cli import main as cli
from scripts.cli import output
from scripts.lab.bench import risk as bench
from shared.bank.ranking_fit import PresetCalibration, RankingFit
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.ranking.fitting.leave_out import LeaveOneOut
from shared.ranking.fitting.risk import (
    CERTAINTY,
    FALLBACK,
    NEVER,
    binomial_p,
    choose_threshold,
    further_p,
    least_answers,
)
from shared.ranking.methods import DEFAULT
from tests.banks import by_label, clustered, make_bank


def answers(seed: int, count: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Confidences in 0…1, and whether each answer is right: the share wrong grows from .01 to .61."""
    rng = np.random.default_rng(seed)
    confidence = rng.random(count)
    return confidence, rng.random(count) >= 0.01 + 0.6 * (1 - confidence) ** 2


def true_risk(threshold: float) -> float:
    """Share wrong of all answers of at least this confidence: the mean of .01 + .6 v² for v from 0 to 1 - threshold."""
    return 0.01 + 0.6 * (1 - threshold) ** 2 / 3


@pytest.mark.parametrize("risk", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("count", [100, 400])
def test_the_risk_is_kept_in_nine_of_ten_resamplings(risk: float, count: int) -> None:
    found = [choose_threshold(*answers(seed, count), risk) for seed in range(200)]
    promised = [one for one in found if one.certainty == CERTAINTY]
    broken = sum(true_risk(one.confidence) > risk for one in promised)
    assert broken <= (1 - CERTAINTY) * len(found)
    if count == 400 and risk >= 0.1:
        assert len(promised) > 190
        # A perfect choice would answer .67 at 10 %, and .97 at 20 %.
        assert np.mean([one.coverage for one in promised]) > 0.45


def test_p_values_are_the_binomial_distribution() -> None:
    for wrong, count, risk in ((0, 22, 0.1), (3, 60, 0.1), (150, 1999, 0.1), (7, 9, 0.5), (5, 5, 0.1)):
        assert binomial_p(wrong, count, risk) == pytest.approx(binom.cdf(wrong, count, risk), rel=1e-9)


def test_too_few_photos_do_not_promise_and_say_how_many_would_do() -> None:
    confidence = np.linspace(1, 0.5, 15)
    few = choose_threshold(confidence, np.ones(15, bool), 0.1)
    assert (few.certainty, few.coverage) == (FALLBACK, 1.0)
    assert few.needed is not None
    assert least_answers(0.1) <= few.needed < 200
    enough = choose_threshold(np.linspace(1, 0.5, few.needed), np.ones(few.needed, bool), 0.1)
    assert (enough.certainty, enough.coverage, enough.needed) == (CERTAINTY, 1.0, None)


def test_further_answers_are_the_beta_binomial_distribution() -> None:
    for wrong, count, first, second in ((0, 10, 0.3, 11.2), (2, 20, 1.8, 19.7), (7, 40, 6.5, 35.0)):
        assert further_p(wrong, count, first, second) == pytest.approx(
            betabinom.cdf(wrong, count, first, second), rel=1e-9
        )


def test_mistakes_elsewhere_in_the_bank_count_beforehand() -> None:
    """Ten right answers at the top mean more in a bank that is mostly right."""
    confidence = np.linspace(1, 0, 15)
    top = np.arange(15) < 10
    assert choose_threshold(confidence, top | (np.arange(15) > 10), 0.1).coverage >= 0.6
    assert choose_threshold(confidence, top, 0.1).coverage == 0


def test_what_is_wrong_too_often_is_never_answered() -> None:
    confidence = np.linspace(1, 0, 1000)
    found = choose_threshold(confidence, np.arange(1000) % 2 == 0, 0.1)
    assert (found.confidence, found.certainty, found.needed) == (NEVER, 0.0, None)


def test_equal_confidences_are_answered_together_and_photos_not_in_the_bank_never() -> None:
    confidence = np.repeat([0.9, 0.6], [40, 40])
    right = np.repeat([True, False], [40, 40])
    found = choose_threshold(confidence, right, 0.1)
    assert (found.confidence, found.coverage) == (0.9, 0.5)
    assert choose_threshold(np.full(80, -np.inf), right, 0.1).confidence == NEVER


def test_copies_of_photos_do_not_make_a_promise() -> None:
    vectors = clustered(5, 4, spread=0.1)
    owner = np.repeat(np.arange(5), 40)
    copies = LeaveOneOut.of(np.repeat(vectors, 10, axis=1).reshape(-1, 32), owner)
    assert len(copies.truth) == 20


def test_a_manifest_of_an_earlier_release_is_untested_and_answers_as_before() -> None:
    old = PresetCalibration(temperature=0.05, calibrated=True, queries=200, risk=0.1, unsure_below=0.6)
    fit = RankingFit(method=DEFAULT, chosen=True, calibration={"*": old})
    assert fit.promise_for("standard").state == "untested"
    assert set(old.to_json()) == {"temperature", "calibrated", "queries", "risk", "unsure_below"}


def test_the_bank_says_what_it_promises(settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = ["--data-dir", str(settings.data_dir)]
    large = make_bank(settings, by_label(clustered(spread=0.1)))
    own = BankStore(settings).manifest(large).ranking.calibration["standard"]
    assert (own.risk_method, own.risk_certainty, own.queries) == ("learn_then_test", CERTAINTY, 72)
    for command in (["bank", "check", large], ["evaluate", large]):
        assert cli.run([*command, *data]) == output.OK
        assert "At most 10% of the answers are wrong, with 90% certainty" in capsys.readouterr().out.replace("\n", " ")
    small = make_bank(settings, by_label(clustered(5, 4, spread=0.1)))
    page = tmp_path / "check.html"
    assert cli.run(["bank", "check", small, *data, "--html", str(page)]) == output.OK
    assert "Too few photos to promise" in capsys.readouterr().out
    assert "Too few photos to promise" in page.read_text("utf-8")
    assert cli.run(["evaluate", small, *data, "--json"]) == output.OK
    promise = json.loads(capsys.readouterr().out)["promise"]
    assert (promise["state"], promise["photos"]) == ("too_few", 20)
    assert promise["photos_needed"] > 20


def test_resampling_a_bank_counts_what_was_kept() -> None:
    vectors = clustered(12, 10, spread=0.5)
    loo = LeaveOneOut.of(vectors.reshape(-1, 32), np.repeat(np.arange(12), 10))
    report = bench.measure(loo, 4, (DEFAULT,))
    assert (report.photos, report.resamplings) == (120, 4)
    assert [row.risk for row in report.risks] == [0.05, 0.1, 0.2]
    assert all(row.after.coverage <= 1 and 0 <= row.promised <= 1 for row in report.risks)
    assert report.risks[2].after.coverage > 0
