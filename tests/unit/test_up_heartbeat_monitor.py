"""When a worker is restarted from outside, and when it is left alone."""

from __future__ import annotations

import pytest

from scripts.supervisor.heartbeat_monitor import (
    BUSY_SILENT_SECONDS,
    MAX_START_FACTOR,
    SILENT_SECONDS,
    START_SECONDS,
    HeartbeatMonitor,
)
from shared.jobs.heartbeat import Heartbeat

STALLED = 60.0


def _beat(state: str, photos: int = 0) -> Heartbeat:
    return Heartbeat(id="w1", state=state, photos=photos)


def _watched(*looks: tuple[float, Heartbeat | None, bool]) -> str | None:
    monitor = HeartbeatMonitor(0.0, STALLED)
    why = None
    for now, beat, waits in looks:
        why = monitor.check(now, beat, waits)
    return why


def test_silence_after_a_heartbeat_is_noticed() -> None:
    assert _watched((1, _beat("ready"), False), (SILENT_SECONDS, None, False)) is None
    assert _watched((1, _beat("ready"), False), (2 + SILENT_SECONDS, None, False)) == "gave no sign of life"


def test_a_start_has_a_patience_of_its_own() -> None:
    assert _watched((START_SECONDS, None, True)) is None
    assert _watched((START_SECONDS + 1, None, True)) == f"did not start within {START_SECONDS + 1:.0f} s"


def test_patience_doubles_with_each_failed_start() -> None:
    for failed in range(4):
        allowed = START_SECONDS * 2**failed
        assert HeartbeatMonitor(0.0, STALLED, failed).check(allowed, None, True) is None
        assert HeartbeatMonitor(0.0, STALLED, failed).check(allowed + 1, None, True)


def test_the_parents_heartbeats_do_not_end_the_start() -> None:
    looks = [(float(now), _beat("starting"), True) for now in range(0, int(START_SECONDS), 2)]
    assert _watched(*looks) is None
    assert _watched(*looks, (START_SECONDS + 2, _beat("starting"), True))


def test_cpu_time_is_a_sign_of_life_of_a_starting_worker() -> None:
    monitor = HeartbeatMonitor(0.0, STALLED)
    # A fortieth of a core.
    looks = [monitor.check(now, None, True, now / 40) for now in range(0, int(START_SECONDS * MAX_START_FACTOR), 2)]
    assert looks == [None] * len(looks)
    assert monitor.check(START_SECONDS * MAX_START_FACTOR + 1, None, True, 1e6)


def test_cpu_time_is_a_sign_of_life_of_a_running_worker_for_two_minutes() -> None:
    monitor = HeartbeatMonitor(0.0, STALLED)
    monitor.check(1, _beat("busy"), True, 10)
    looks = [monitor.check(now, None, True, 10 + now / 10) for now in range(2, int(BUSY_SILENT_SECONDS), 2)]
    assert looks == [None] * len(looks)
    assert monitor.check(BUSY_SILENT_SECONDS + 2, None, True, 100) == "gave no sign of life"


def test_a_new_child_has_a_start_of_its_own() -> None:
    """Celery's parent has forked another after the first one died."""
    monitor = HeartbeatMonitor(0.0, STALLED)
    monitor.check(1000, _beat("busy", 5), True)
    assert monitor.check(1002, _beat("starting"), True) is None
    assert monitor.check(1000 + START_SECONDS, _beat("starting"), True) is None
    assert monitor.check(1004 + START_SECONDS, _beat("starting"), True)


@pytest.mark.parametrize("state", ["busy", "ready"])
def test_no_progress_although_work_waits_is_noticed(state: str) -> None:
    looks = [(float(now), _beat(state, 7), True) for now in range(0, 64, 2)]
    assert _watched(*looks) == "made no progress"


def test_progress_counts() -> None:
    assert _watched(*[(float(now), _beat("busy", now // 50), True) for now in range(0, 400, 2)]) is None


def test_an_idle_worker_is_left_alone() -> None:
    assert _watched(*[(float(now), _beat("ready", 7), False) for now in range(0, 400, 2)]) is None


@pytest.mark.parametrize("state", ["loading", "error"])
def test_loading_may_take_as_long_as_it_takes(state: str) -> None:
    assert _watched(*[(float(now), _beat(state), True) for now in range(0, 4000, 2)]) is None


def test_an_unreachable_ledger_tells_nothing() -> None:
    monitor = HeartbeatMonitor(0.0, STALLED)
    monitor.check(1, _beat("busy", 7), True)
    monitor.pause(500)
    assert monitor.check(500 + SILENT_SECONDS, None, True) is None
    assert monitor.check(501 + SILENT_SECONDS, None, True) == "gave no sign of life"
