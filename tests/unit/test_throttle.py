"""A worker's limits: a share of its cores at certain hours, and bytes per second from folders, by a made-up clock."""

from __future__ import annotations

import threading
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from shared.core.day_limit import DayLimit
from shared.jobs.model import Item, Lane
from shared.pipeline import throttle
from shared.pipeline.throttle import Bucket, ProcessorTime, Throttle
from tests.pipeline_harness import Chunk, Hashing, ListSource, make_pipeline, run, stored

NOON, NIGHT = (datetime.fromisoformat(f"2026-11-30T{time}+08:00").timestamp() for time in ("12:00", "22:00"))
DAY = DayLimit.of("50%@08:00-20:00 Asia/Shanghai")


class Clock:
    """Goes on only where somebody sleeps, or works."""

    def __init__(self, now: float) -> None:
        self.now = self.began = now
        self._lock = threading.Lock()

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds

    @property
    def passed(self) -> float:
        return self.now - self.began


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(NOON)
    monkeypatch.setattr(throttle, "time", made)
    return made


def never() -> bool:
    return False


def nothing() -> None:
    return None


def worked(clock: Clock, cores: float, busy: float, times: int) -> float:
    """Cores that are used on average by steps of a second, each of which keeps so many cores busy."""
    used = 0.0
    limit = Throttle(DAY, cores, used=lambda: used)
    began = clock.now
    for _ in range(times):
        limit.before_work(never, nothing)
        clock.sleep(1.0)
        used += busy
    return used / (clock.now - began)


def test_half_the_cores_by_day(clock: Clock) -> None:
    assert worked(clock, cores=4, busy=4, times=200) == pytest.approx(2, rel=0.05)
    # More than its own, as where decoding and encoding overlap: the same.
    assert worked(clock, cores=4, busy=6, times=200) == pytest.approx(2, rel=0.05)
    # What uses less is not slowed down.
    assert worked(clock, cores=4, busy=1.5, times=200) == pytest.approx(1.5)


def test_all_of_them_by_night(clock: Clock) -> None:
    clock.now = NIGHT
    assert worked(clock, cores=4, busy=4, times=100) == pytest.approx(4)


def test_the_limit_begins_and_ends_with_its_hours(clock: Clock) -> None:
    clock.now = NOON + 8 * 3600 - 50
    used = 0.0
    limit = Throttle(DAY, 1, used=lambda: used)
    while clock.now < NOON + 8 * 3600:
        limit.before_work(never, nothing)
        clock.sleep(1.0)
        used += 1
    assert used == pytest.approx(25, abs=3)
    for _ in range(50):
        limit.before_work(never, nothing)
        clock.sleep(1.0)
        used += 1
    # What was owed by day is not waited for at night, and what was used at night does not count the next day.
    assert clock.now == pytest.approx(NOON + 8 * 3600 + 50, abs=3)
    clock.now = NOON + 24 * 3600
    before = clock.now
    limit.before_work(never, nothing)
    assert clock.now == before


def test_bytes_per_second(clock: Clock) -> None:
    limit = Throttle(bytes_per_second=10e6)
    for _ in range(100):
        limit.before_read(5_000_000, never, nothing)
    assert clock.passed == pytest.approx(50, abs=1)
    # Nothing is saved up for more than a second.
    clock.sleep(3600)
    began = clock.now
    for _ in range(10):
        limit.before_read(10_000_000, never, nothing)
    assert clock.now - began == pytest.approx(8, abs=1)


def test_waiting_is_progress_and_ends_when_told(clock: Clock) -> None:
    """A lease is kept while a large photo is waited for; a worker that drains does not wait."""
    limit = Throttle(bytes_per_second=1e6)
    beats: list[float] = []
    limit.before_read(60_000_000, never, nothing)
    limit.before_read(1, never, lambda: beats.append(clock.now))
    assert clock.passed == pytest.approx(60, abs=1)
    assert max(later - earlier for earlier, later in pairwise(beats)) <= 0.25
    limit.before_read(60_000_000, never, nothing)
    began = clock.now
    limit.before_read(1, lambda: True, nothing)
    assert clock.now == began


def test_a_bucket_gives_no_more_than_its_rate() -> None:
    bucket = Bucket(0.0)
    bucket.fill(100.0, 3.0)
    bucket.take(9.0)
    assert bucket.seconds(3.0) == 2.0


def test_the_pipeline_reads_no_faster(tmp_path: Path, clock: Clock) -> None:
    items = []
    for n in range(20):
        path = tmp_path / f"{n}.jpg"
        path.write_bytes(bytes([n]) * 100_000)
        items.append(Item(n, path.name, path=str(path), size=100_000))
    source = ListSource.of(Chunk(tuple(items)))
    run(make_pipeline(tmp_path, Hashing(), throttle=Throttle(bytes_per_second=200_000)), source)
    assert len(source.results) == 20
    assert all(result.ok for result in source.results.values())
    assert clock.passed == pytest.approx(9, abs=1.5)


def test_uploads_and_photos_that_somebody_waits_for_are_not_kept(tmp_path: Path, clock: Clock) -> None:
    """Uploads are read from Weft's own storage; of the processor, only the bulk lane is kept from it."""
    used = 0.0

    def greedy() -> float:
        nonlocal used
        used += 100
        return used

    source = ListSource.of(Chunk(tuple(stored(["a", "b"])), Lane.INTERACTIVE))
    limit = Throttle(DAY, 1, bytes_per_second=1, used=greedy)
    run(make_pipeline(tmp_path, Hashing(), throttle=limit), source)
    assert len(source.results) == 2
    assert clock.passed == 0
    bulk = ListSource.of(*(Chunk(tuple(stored([f"{n}"], n))) for n in range(3)))
    used_by_each = iter(range(0, 1000, 1))
    limit = Throttle(DAY, 1, used=lambda: float(next(used_by_each)) if clock.passed < 5 else 0.0)
    run(make_pipeline(tmp_path, Hashing(), throttle=limit), bulk)
    assert len(bulk.results) == 3
    assert clock.passed > 1


def test_processor_time_of_children_counts(tmp_path: Path) -> None:
    import subprocess
    import sys

    used = ProcessorTime()
    before = used()
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert used() > before


@pytest.mark.parametrize("text", ["50", "0%@08:00-20:00", "101%@08:00-20:00", "50%@8-20", "50%@08:00-20:00 Mars/Base"])
def test_what_is_no_limit(text: str) -> None:
    with pytest.raises(ValueError, match=r"hours|zone"):
        DayLimit.of(text)


def test_a_limit_as_people_write_it() -> None:
    found = DayLimit.of(" 50 % @ 08:00-20:00 mon-fri Asia/Shanghai")
    assert found is not None
    assert (found.share, str(found.window)) == (0.5, "08:00-20:00 mon-fri Asia/Shanghai")
    assert (found.at(NOON), found.at(NIGHT)) == (0.5, 1.0)
    assert DayLimit.of("  ") is None
