"""`weft evaluate --drift`: the jobs of the last days beside the bank's own photos."""

from __future__ import annotations

import json
from html import unescape
from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp

from scripts.cli import main as cli
from scripts.cli import output
from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.curation.check import check_bank
from shared.curation.drift import Certainty, Drift, Told, agresti_caffo, beside, job_answers, kolmogorov_smirnov
from shared.jobs.ledger import Ledger
from tests.banks import clustered, make_bank
from tests.large_jobs import archived_job
from web.app import create_app


def told(seed: int, count: int, mean: float, label: str = "denim") -> list[Told]:
    rng = np.random.default_rng(seed)
    confidence = np.clip(rng.normal(mean, 0.1, count), 0, 1)
    return [(label, "label" if one > 0.7 else "unsure", float(one)) for one in confidence]


def compared(own: list[Told], jobs: list[Told]) -> Drift:
    return beside(Certainty.of(own), Certainty.of(jobs), 30, 1)


def test_distance_and_chance_are_those_of_scipy() -> None:
    rng = np.random.default_rng(1)
    for shift, first, second in ((0.0, 200, 300), (0.2, 200, 300), (1.0, 60, 900)):
        one, other = rng.normal(size=first), rng.normal(shift, size=second)
        found = kolmogorov_smirnov(sorted(one), sorted(other), first, second)
        expected = ks_2samp(one, other, method="asymp")
        assert found[0] == pytest.approx(expected.statistic)
        assert found[1] == pytest.approx(expected.pvalue, abs=0.02)


def test_jobs_like_the_bank_raise_no_alarm() -> None:
    states = [compared(told(seed, 200, 0.85), told(1000 + seed, 400, 0.85)).state for seed in range(100)]
    assert states.count("same") >= 98


def test_jobs_that_are_less_certain_are_told_with_their_classes() -> None:
    own = told(1, 200, 0.85) + told(2, 200, 0.85, "silk")
    found = compared(own, told(3, 300, 0.85) + told(4, 100, 0.65, "silk"))
    assert found.state == "less_sure"
    assert [row.label for row in found.classes] == ["silk"]
    assert found.classes[0].open > 0.5 > found.classes[0].bank_open
    assert compared(told(1, 200, 0.7), told(2, 200, 0.85)).state == "surer"


def test_shares_of_a_few_photos_are_no_difference() -> None:
    low, high = agresti_caffo(0, 5, 1, 5)
    assert low < 0 < high


def test_the_command_reads_the_jobs_of_this_version(
    settings: Settings, redis_pair: embedded.Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = {f"stripe-{number}": rows for number, rows in enumerate(clustered(4, 8, spread=0.1))}
    version, other = make_bank(settings, arrays), make_bank(settings, arrays)
    archived_job(settings, 400, version, "spring")
    archived_job(settings, 400, other, "elsewhere")
    arguments = ["evaluate", version, "--drift", "30", "--data-dir", str(settings.data_dir)]
    assert cli.run([*arguments, "--json"]) == output.OK
    found = json.loads(capsys.readouterr().out)["drift"]
    assert (found["jobs"], found["now"]["photos"], found["bank"]["photos"]) == (1, 392, 32)
    assert found["state"] == "less_sure"
    assert found["now"]["unsure"] == pytest.approx(0.2, abs=0.01)
    assert cli.run(arguments) == output.OK
    words = " ".join(capsys.readouterr().out.split())
    assert "Jobs of the last 30 days (1 job, 392 photos): less certain than the bank's own photos" in words


def test_the_page_of_the_check_and_the_api(settings: Settings, redis_pair: embedded.Pair) -> None:
    arrays = {f"stripe-{number}": rows for number, rows in enumerate(clustered(4, 8, spread=0.1))}
    version = make_bank(settings, arrays)
    client = create_app(settings).test_client()

    def asked(**query: object) -> Any:
        answer = client.get("/api/v1/bank/drift", query_string=query)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    # Before the bank is checked nothing is known of its own photos.
    assert (asked()["state"], asked()["drift"]) == ("unchecked", None)
    check_bank(settings, version)
    archived_job(settings, 40, version, "small")
    assert {name: asked()[name] for name in ("state", "photos", "needed", "jobs")} == {
        "state": "few", "photos": 40, "needed": 50, "jobs": 1,
    }  # fmt: skip
    page = unescape(client.get("/bank/check", headers={"Accept-Language": "en"}).text)
    assert "Too few photos to compare with the bank's own: 40" in page
    archived_job(settings, 400, version, "spring")
    found = asked(version=version, days=7)
    assert (found["state"], found["jobs"], found["photos"], found["complete"]) == ("less_sure", 2, 432, True)
    assert (found["drift"]["bank"]["photos"], found["drift"]["now"]["photos"]) == (32, 432)
    # As the command says, which asks the bank's photos itself.
    assert found["drift"]["bank"]["confidence"] > found["drift"]["now"]["confidence"]
    page = unescape(client.get("/bank/check", headers={"Accept-Language": "en"}).text)
    assert "Answers are less certain than on the bank's own photos." in page
    assert "没有人确认过" in client.get("/bank/check", headers={"Accept-Language": "zh-CN"}).text
    assert client.get("/api/v1/bank/drift?days=0").status_code == 400
    assert client.get("/api/v1/bank/drift?version=nothing").status_code == 404


def test_of_many_photos_the_newest_jobs_are_read(settings: Settings, redis_pair: embedded.Pair) -> None:
    version = make_bank(settings, {f"stripe-{n}": rows for n, rows in enumerate(clustered(4, 8, spread=0.1))})
    for name in ("first", "second", "third"):
        archived_job(settings, 100, version, name)
    found = job_answers(settings, Ledger.connect(settings), version, "standard", 30, most=150)
    assert (found.jobs, found.answers.photos, found.complete) == (2, 196, False)


def test_too_few_photos_are_no_comparison(
    settings: Settings, redis_pair: embedded.Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    version = make_bank(settings, {f"stripe-{n}": rows for n, rows in enumerate(clustered(4, 8, spread=0.1))})
    archived_job(settings, 40, version)
    data = ["--data-dir", str(settings.data_dir)]
    assert cli.run(["evaluate", version, "--drift", "30", *data]) == output.FAILED
    assert "have 40 photos with a result; 50 are needed (jobs by preset: standard: 1)" in " ".join(
        capsys.readouterr().err.split()
    )
