"""Speed and time left: measured up to now, cached and new photos apart."""

from __future__ import annotations

import pytest

from shared.jobs.ledger.pace import Sample, measure, parse


def _steady(seconds: int, rate: float, start: Sample, cached: bool = False) -> list[Sample]:
    """A sample every second."""
    return [
        Sample(start.at + t, start.done + round(rate * t), start.cached + (round(rate * t) if cached else 0))
        for t in range(1, seconds + 1)
    ]


START = Sample(1000.0, 0, 0)


def test_steady_job() -> None:
    pace = measure([START, *_steady(40, 10, START)], now=1040.5, left=600)
    assert pace.rate == pytest.approx(10, rel=0.05)
    assert pace.eta == pytest.approx(60, rel=0.05)


def test_speed_falls_from_the_moment_nothing_is_done() -> None:
    samples = [START, *_steady(40, 40, START)]
    rates = [measure(samples, now=1040 + idle, left=600).rate or 0 for idle in (0, 5, 30, 300)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(40, rel=0.05)
    assert rates[-1] < 2
    assert measure(samples, now=1060, left=600).eta is None


def test_slow_job_keeps_its_estimate_between_its_commits() -> None:
    samples = [Sample(1000 + 60 * n, 16 * n, 0) for n in range(8)]
    pace = measure(samples, now=samples[-1].at + 50, left=160)
    assert pace.rate == pytest.approx(16 / 60, rel=0.2)
    assert pace.eta == pytest.approx(600, rel=0.2)


def test_new_photos_behind_cached_ones_are_estimated_at_their_own_speed() -> None:
    """1,500 photos out of the cache at 500 a second, then new ones at 50: right within ten seconds of the change."""
    cached = [START, *_steady(3, 500, START, cached=True)]
    for seconds in range(11, 30):
        new = _steady(seconds, 50, cached[-1])
        left = 1500 - 50 * seconds
        pace = measure([*cached, *new], now=new[-1].at, left=left)
        assert pace.eta == pytest.approx(left / 50, rel=0.1), seconds


def test_even_mix_of_cached_and_new_photos() -> None:
    samples = [Sample(1000.0 + t, 100 * t, 50 * t) for t in range(30)]
    pace = measure(samples, now=1029, left=1000)
    assert pace.eta == pytest.approx(10, rel=0.05)


def test_nothing_is_said_of_too_short_a_time() -> None:
    assert measure([], now=1000, left=10) == (None, None)
    assert measure([START, Sample(1000.2, 5, 0)], now=1000.3, left=10) == (None, None)


def test_samples_of_an_older_version_are_read() -> None:
    assert parse(b"1000.5 7") == Sample(1000.5, 7, 0)
    assert parse(b"1000.5 7 3") == Sample(1000.5, 7, 3)
