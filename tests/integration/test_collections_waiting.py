"""A run that meets a Redis that is away says what it waits for, and goes on by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.supervisor import redis as embedded
from shared.collections.running import Running
from shared.collections.runs import RunState
from shared.collections.shown import told
from shared.collections.store import Collections, Wish
from shared.core.errors import Unavailable
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from tests.bank_api import built_bank
from tests.collections_harness import write


def test_a_run_waits_for_redis(settings: Settings, tmp_path: Path) -> None:
    built_bank(settings, tmp_path / "bank")
    folder = settings.roots[0] / "photos"
    for n in range(3):
        write(folder / f"{n}.jpg", f"{n}")
    collections = Collections(settings)
    own = collections.new(Wish(name="waits", folders=(str(folder),)))
    with collections.index(own.id) as index:
        run = index.runs.ask()
        with embedded.running(settings):
            away = Ledger.connect(settings)
        with pytest.raises(Unavailable):
            Running(settings, away, own).step()
        waiting = index.runs.find(run.id)
        assert (waiting.state, waiting.code) == (RunState.SUBMITTING, "redis_unavailable")
        assert "Redis cannot be reached" in told(waiting)[0]
        with embedded.running(settings):
            ledger = Ledger.connect(settings)
            going = Running(settings, ledger, own).step()
            assert going is not None
            assert (going.state, going.code) == (RunState.RUNNING, None)
            assert told(going) == ["3 new"]
            assert ledger.find(str(going.job)).total == 3
