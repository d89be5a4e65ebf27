"""The reason of a verdict, in words: how near the photo came to what the bank asks for."""

from __future__ import annotations

from typing import Any

import pytest

from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.jobs.model import Job, JobState, Lane
from tests.banks import by_label, clustered, make_bank
from web.app import create_app
from web.verdicts import required, why


def job(bank: str) -> Job:
    return Job(
        id="j",
        name="job",
        kind="upload",
        state=JobState.FINISHED,
        lane=Lane.BULK,
        preset="standard",
        model="m",
        bank=bank,
        identity="i",
        total=1,
        listed=True,
        ok=1,
        failed=0,
        duplicates=0,
        cached=0,
        created=0,
    )


def item(verdict: str, margin: float = 0.5) -> dict[str, Any]:
    candidates = [{"label": label, "score": 0.5, "sample": "0" * 16} for label in ("class-00", "class-01")]
    return {"verdict": verdict, "label": "class-00", "margin": margin, "candidates": candidates}


@pytest.mark.parametrize(
    ("lang", "close", "foreign", "asks"),
    [
        (
            "en",
            "cord and class-01 match almost equally well.",
            "the nearest one is cord",
            "gives a definite result from",
        ),
        ("zh", "cord 与 class-01 的匹配程度几乎相同。", "最接近的属于 cord", "才给出结论"),
    ],
)
def test_reasons(settings: Settings, lang: str, close: str, foreign: str, asks: str) -> None:
    # Wide clusters: some answers are wrong, so the bank asks for some confidence.
    version = make_bank(settings, by_label(clustered(spread=0.6)))
    assert 0 < BankStore(settings).manifest(version).ranking.calibration["standard"].unsure_below < 1
    names = {"class-00": "cord"}
    with create_app(settings).test_request_context(f"/?lang={lang}"):
        assert why(item("label"), job(version), names) is None
        assert why(item("unsure", margin=0.01), job(version), names) == close
        told = why(item("not_in_bank"), job(version), names)
        assert told is not None
        assert foreign in told
        needed = required(version, "standard", "class-00")
        assert needed is not None
        told = why(item("unsure"), job(version), names)
        assert told is not None
        assert asks in told
        assert f"{round(needed * 100)}" in told


def test_a_bank_that_is_wrong_too_often_asks_for_no_number(settings: Settings) -> None:
    version = make_bank(settings, by_label(clustered(spread=0.9)))
    assert BankStore(settings).manifest(version).ranking.calibration["standard"].unsure_below > 1
    with create_app(settings).test_request_context("/?lang=en"):
        told = why(item("unsure"), job(version), {})
    assert told == "This bank gives no definite result for this class: it is wrong too often."


def test_a_bank_that_is_gone_explains_less(settings: Settings) -> None:
    with create_app(settings).test_request_context("/"):
        assert why(item("unsure"), job("gone"), {}) is None
        assert why({**item("unsure"), "candidates": []}, job("gone"), {}) is None
