"""Hours in which something works: as people write them, over midnight, on days, in zones, over changes of the clock."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from shared.core.errors import InvalidRequest
from shared.core.window import (
    after_open,
    closes,
    known,
    next_time,
    open_seconds,
    opens,
    parsed,
    spans,
    time_and_zone,
)

HOUR = 3600.0


def at(text: str, zone: str = "Asia/Shanghai", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@pytest.mark.parametrize(
    ("written", "zone", "text"),
    [
        ("20:00-07:00", "", "20:00-07:00"),
        (" 8：00 – 24:00 ", "Asia/Shanghai", "08:00-24:00 Asia/Shanghai"),
        ("20:00-7:00 Mon-Fri", "", "20:00-07:00 mon-fri"),
        ("20:00-07:00 sat, sun UTC", "Asia/Shanghai", "20:00-07:00 sat,sun UTC"),
        ("20:00-07:00 mon-sun Europe/Berlin", "", "20:00-07:00 Europe/Berlin"),
        ("00:00-24:00 sat,sun", "", "00:00-24:00 sat,sun"),
        ("20:00-07:00 fri-mon,wed", "", "20:00-07:00 mon,wed,fri-sun"),
    ],
)
def test_as_people_write_it(written: str, zone: str, text: str) -> None:
    assert str(parsed(written, zone)) == text
    assert known(text) == parsed(text)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "20:00",
        "20-7",
        "25:00-07:00",
        "24:30-07:00",
        "20:00-20:00",
        "24:00-07:00",
        "20:00-07:00 Mars/Olympus",
        "20:00-07:00 mon-xyz",
        "20:00-07:00 " + "mon," * 50,
    ],
)
def test_what_is_no_window(written: str) -> None:
    with pytest.raises(InvalidRequest):
        parsed(written)
    assert known(written) is None


def test_over_midnight() -> None:
    night = parsed("20:00-07:00 Asia/Shanghai")
    assert opens(night, at("2026-11-30 19:59")) == at("2026-11-30 20:00")
    assert opens(night, at("2026-11-30 20:00")) is None
    assert closes(night, at("2026-12-01 03:00")) == at("2026-12-01 07:00")
    assert closes(night, at("2026-12-01 07:00")) is None
    assert opens(night, at("2026-12-01 07:00")) == at("2026-12-01 20:00")


def test_days_are_those_on_which_it_opens() -> None:
    fridays = parsed("20:00-07:00 fri Asia/Shanghai")
    # Saturday morning is Friday's night; Saturday evening is not.
    assert closes(fridays, at("2026-12-05 06:00")) == at("2026-12-05 07:00")
    assert opens(fridays, at("2026-12-05 21:00")) == at("2026-12-11 20:00")
    whole = parsed("00:00-24:00 sat,sun Asia/Shanghai")
    assert [end - start for start, end in [next(spans(whole, at("2026-12-04 12:00")))]] == [24 * HOUR]
    assert closes(whole, at("2026-12-05 23:59")) == at("2026-12-06 00:00")
    # No gap between the two days.
    assert opens(whole, at("2026-12-06 00:00")) is None


def test_the_zone_decides() -> None:
    night = parsed("20:00-07:00 Asia/Shanghai")
    assert opens(night, at("2026-11-30 12:30", "Europe/London")) is None
    assert opens(night, at("2026-11-30 11:30", "Europe/London")) == at("2026-11-30 12:00", "Europe/London")


@pytest.mark.parametrize(
    ("evening", "morning", "hours"),
    [("2026-10-24 22:00", "2026-10-25 06:00", 9), ("2027-03-27 22:00", "2027-03-28 06:00", 7)],
)
def test_a_change_of_the_clock_makes_a_night_longer_or_shorter(evening: str, morning: str, hours: int) -> None:
    night = parsed("22:00-06:00 Europe/Berlin")
    start, end = next(spans(night, at(evening, "Europe/Berlin")))
    assert (start, end) == (at(evening, "Europe/Berlin"), at(morning, "Europe/Berlin"))
    assert (end - start) / HOUR == hours


def test_hours_that_the_clock_skips_or_repeats() -> None:
    # 02:00 to 03:00 is skipped on this day: what lies in it comes an hour later.
    skipped = parsed("02:15-02:45 Europe/Berlin")
    start, end = next(spans(skipped, at("2027-03-28 00:00", "Europe/Berlin")))
    assert (start, end) == (at("2027-03-28 03:15", "Europe/Berlin"), at("2027-03-28 03:45", "Europe/Berlin"))
    # The start comes an hour later and then lies behind the end: that day it does not open.
    into = parsed("02:30-03:15 Europe/Berlin")
    assert opens(into, at("2027-03-28 00:00", "Europe/Berlin")) == at("2027-03-29 02:30", "Europe/Berlin")
    # 02:00 to 03:00 comes twice: the first time counts.
    twice = parsed("02:15-02:45 Europe/Berlin")
    assert opens(twice, at("2026-10-25 02:30", "Europe/Berlin", fold=1)) == at("2026-10-26 02:15", "Europe/Berlin")


def test_open_hours_are_counted() -> None:
    night = parsed("20:00-07:00 Asia/Shanghai")
    noon = at("2026-11-30 12:00")
    assert after_open(night, noon, 0) == noon
    assert after_open(night, noon, HOUR) == at("2026-11-30 21:00")
    assert after_open(night, noon, 11 * HOUR) == at("2026-12-01 07:00")
    assert after_open(night, noon, 12 * HOUR) == at("2026-12-01 21:00")
    assert after_open(night, at("2026-12-01 06:00"), 2 * HOUR) == at("2026-12-01 21:00")
    assert open_seconds(night, noon, at("2026-12-01 21:00")) == 12 * HOUR
    assert open_seconds(night, noon, noon + HOUR) == 0
    # Years ahead, without counting every night.
    years = after_open(night, noon, 365 * 11 * HOUR) - noon
    assert years == pytest.approx(365 * 24 * HOUR, rel=0.02)


def test_a_time_of_day() -> None:
    assert time_and_zone("7:00") == "07:00"
    assert time_and_zone("7：30", "Asia/Shanghai") == "07:30 Asia/Shanghai"
    assert next_time("07:00 Asia/Shanghai", at("2026-11-30 22:00")) == at("2026-12-01 07:00")
    assert next_time("07:00 Asia/Shanghai", at("2026-12-01 07:00")) == at("2026-12-02 07:00")
    for wrong in ("24:00", "7", "07:00 Mars/Olympus"):
        with pytest.raises(InvalidRequest):
            time_and_zone(wrong)
