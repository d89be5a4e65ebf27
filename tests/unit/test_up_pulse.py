"""When a worker is restarted from outside, and when it is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.up.pulse import SILENT_SECONDS, Pulse

STALLED = 60.0


def _beat(state: str, photos: int = 0) -> dict[str, Any]:
    return {"state": state, "photos": photos}


def _watched(*looks: tuple[float, dict[str, Any] | None, bool]) -> str | None:
    pulse = Pulse(0.0, STALLED)
    why = None
    for now, beat, waits in looks:
        why = pulse.look(now, beat, waits)
    return why


def test_silence_after_a_heartbeat_is_noticed() -> None:
    assert _watched((1, _beat("ready"), False), (SILENT_SECONDS, None, False)) is None
    assert _watched((1, _beat("ready"), False), (2 + SILENT_SECONDS, None, False)) == "gave no sign of life"


def test_one_that_never_says_a_word_is_noticed() -> None:
    assert _watched((SILENT_SECONDS + 1, None, True)) == "gave no sign of life"


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
    pulse = Pulse(0.0, STALLED)
    pulse.look(1, _beat("busy", 7), True)
    pulse.pause(500)
    assert pulse.look(500 + SILENT_SECONDS, None, True) is None
    assert pulse.look(501 + SILENT_SECONDS, None, True) == "gave no sign of life"
