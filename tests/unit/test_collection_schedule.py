"""When a collection's runs are due: time of day, days of the week, time zones, changes of the clock, missed runs."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from shared.collections.schedule import last_due, next_after, parsed
from shared.core.errors import InvalidRequest


def at(text: str, zone: str = "Asia/Shanghai") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("days", "after", "expected"),
    [
        ("", "2026-11-30 21:59", "2026-11-30 22:00"),
        ("", "2026-11-30 22:00", "2026-12-01 22:00"),
        # Monday the 30th; the next Saturday.
        ("sat,sun", "2026-11-30 12:00", "2026-12-05 22:00"),
        ("mon-fri", "2026-12-04 22:00", "2026-12-07 22:00"),
        # Over the end of the week.
        ("fri-mon", "2026-12-01 00:00", "2026-12-04 22:00"),
        ("Monday", "2026-12-01 00:00", "2026-12-07 22:00"),
        ("mon-sun", "2026-12-01 00:00", "2026-12-01 22:00"),
    ],
)
def test_the_next_run(days: str, after: str, expected: str) -> None:
    assert next_after(parsed("22:00", days, "Asia/Shanghai"), at(after)) == at(expected)


def test_the_zone_decides_what_day_it_is() -> None:
    monday = parsed("06:30", "mon", "Asia/Shanghai")
    # Still Sunday in London.
    assert next_after(monday, at("2026-11-29 20:00", "Europe/London")) == at("2026-11-29 22:30", "Europe/London")


def test_changes_of_the_clock() -> None:
    berlin = "Europe/Berlin"
    daily = parsed("02:30", zone=berlin)
    # 02:30 does not exist on the 29th of March: the run comes an hour later, once.
    skipped = next_after(daily, at("2026-03-28 12:00", berlin))
    assert datetime.fromtimestamp(skipped, ZoneInfo(berlin)).isoformat() == "2026-03-29T03:30:00+02:00"
    assert next_after(daily, skipped) == at("2026-03-30 02:30", berlin)
    # It comes twice on the 25th of October: the run comes once.
    twice = next_after(daily, at("2026-10-24 12:00", berlin))
    assert next_after(daily, twice) == at("2026-10-26 02:30", berlin)


def test_without_a_zone_it_is_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    daily = parsed("22：00")
    found = datetime.fromtimestamp(next_after(daily, datetime(2026, 11, 30, 12).timestamp()))
    assert found == datetime(2026, 11, 30, 22)


def test_missed_runs_are_caught_up_once() -> None:
    daily = parsed("22:00", zone="Asia/Shanghai")
    monday, thursday = at("2026-11-30 22:00"), at("2026-12-03 09:00")
    assert last_due(daily, monday, thursday) == at("2026-12-02 22:00")
    assert last_due(daily, at("2026-12-02 22:00"), thursday) is None
    assert last_due(daily, monday, monday + 1) is None


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (("25:00",), "schedule_time"),
        (("22",), "schedule_time"),
        (("22:00", "someday"), "schedule_days"),
        (("22:00", "", "Mars/Base"), "schedule_zone"),
        (("22:00", "", "../../etc/passwd"), "schedule_zone"),
    ],
)
def test_what_is_no_schedule_is_refused(asked: tuple[str, ...], code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parsed(*asked)
    assert refused.value.code == code


def test_a_schedule_reads_itself() -> None:
    made = parsed("9:05", "sun,mon-tue", "UTC")
    assert (made.at, made.days) == ("09:05", ("mon", "tue", "sun"))
    assert parsed(made.at, made.days, made.zone) == made
