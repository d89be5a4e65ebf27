"""Where the system has no more watches to give, or the library is missing, a watched folder is looked at instead."""

from __future__ import annotations

import os
import sys
import threading
import types
from pathlib import Path

import pytest

from scripts.supervisor import redis as embedded
from shared.collections.store import Collections, Wish
from shared.collections.watching import POLLING
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from tests.product import eventually
from worker.dispatcher.watching import Watcher

pytestmark = pytest.mark.slow


def _refuses() -> types.ModuleType:
    module = types.ModuleType("watchfiles")

    def watch(*_: object, **__: object) -> None:
        raise OSError("OS file watch limit reached")

    module.watch = watch  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize("library", [None, _refuses()], ids=["missing", "limit"])
def test_a_run_begins_all_the_same(
    library: types.ModuleType | None, settings: Settings, redis_pair: embedded.Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", library)
    quick = settings.model_copy(update={"watch_quiet_seconds": 0.5, "watch_poll_seconds": 0.5})
    folder = quick.roots[0] / "some"
    folder.mkdir(parents=True)
    (folder / "old.jpg").write_bytes(b"a photo")
    _age(folder / "old.jpg")
    own = Collections(quick).new(Wish(name="some", folders=(str(folder),), watch=True))
    watcher = Watcher(quick, Ledger.connect(quick))
    watcher.start()
    try:
        with Collections(quick).index(own.id) as index:
            eventually(lambda: index.runs.active() is not None, what="the run")
            assert index.runs.list(5)[0].watched
            watching = index.watching()
            assert watching is not None
            assert watching.how == POLLING
    finally:
        watcher.end()
    threads = [one for one in threading.enumerate() if one.name.startswith("watch-")]
    for one in threads:
        one.join(20)
        assert not one.is_alive()


def _age(path: Path) -> None:

    os.utime(path, (1e9, 1e9))
