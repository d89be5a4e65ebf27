"""Does the runs of collections: those that people ask for, and those that are due. A thread for each, so that a share
that does not answer keeps no other collection waiting."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from pathlib import Path

import structlog

from shared.collections.collection import Collection
from shared.collections.running import Running, refuse
from shared.collections.runs import RunState
from shared.collections.schedule import last_due, next_after
from shared.collections.store import Collections
from shared.core.errors import Conflict, Unavailable
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from worker.dispatcher.rounds import Rounds

_log = structlog.get_logger(__name__)
#: Seconds between two looks at what is asked for, and until a run that was interrupted is continued.
_POLL_INTERVAL, _RETRY_DELAY = 0.5, 2.0
#: Seconds between two looks at a collection whose index does not seem to have changed.
_UNCHANGED_INTERVAL = 60.0
#: Unexpected failures after which a run is given up.
ATTEMPTS = 4


class _Runner(threading.Thread):
    """One step of one run."""

    def __init__(self, settings: Settings, ledger: Ledger, collection: Collection) -> None:
        super().__init__(name=f"collect-{collection.id}", daemon=True)
        self._running = Running(settings, ledger, collection)
        self._collection = collection.id
        #: Whether the same step is worth another attempt soon, later, or there is nothing to do.
        self.active = False
        self.interrupted = False
        self.failed = False

    def run(self) -> None:
        try:
            run = self._running.step()
            self.active = run is not None and run.under_way
        except Unavailable as error:
            _log.warning("collection_run_interrupted", collection=self._collection, code=error.code)
            self.active = self.interrupted = True
        except Exception:
            _log.exception("collection_run_failed", collection=self._collection)
            self.active = self.interrupted = self.failed = True


class Collector(Rounds):
    """Several may run at a time, as when a dispatcher is replaced: a run is done once all the same."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        super().__init__("collector", "collections_delayed", _POLL_INTERVAL)
        self._settings = settings
        self._ledger = ledger
        self._collections = Collections(settings)
        self._runners: dict[str, _Runner] = {}
        self._failures: Counter[str] = Counter()
        self._not_before: dict[str, float] = {}
        self._listed: tuple[object, list[Collection]] | None = None
        #: What a collection without a run looked like, and when its next one is due.
        self._seen: dict[str, tuple[object, float]] = {}

    def round(self) -> None:
        for collection in self._all():
            if not self.stopping.is_set():
                self._guarded(collection)

    def _all(self) -> list[Collection]:
        """All collections, read again where the list has changed, and once a minute."""
        signs = (_touched(self._collections.path), int(time.time() // _UNCHANGED_INTERVAL))
        if self._listed is None or self._listed[0] != signs:
            self._listed = (signs, self._collections.list())
        return self._listed[1]

    def _guarded(self, collection: Collection) -> None:
        runner = self._runners.get(collection.id)
        if runner is not None and runner.is_alive():
            return
        now = time.monotonic()
        if runner is not None:
            del self._runners[collection.id]
            self._after(collection, runner)
        if self._not_before.get(collection.id, 0.0) > now:
            return
        try:
            if self._wanted(collection):
                self._runners[collection.id] = runner = _Runner(self._settings, self._ledger, collection)
                runner.start()
        except Exception:
            # One collection's trouble never keeps the others waiting.
            self._not_before[collection.id] = now + 15 * _RETRY_DELAY
            _log.exception("collection_failed", collection=collection.id)

    def _after(self, collection: Collection, runner: _Runner) -> None:
        delay = _RETRY_DELAY if runner.interrupted else _POLL_INTERVAL
        self._not_before[collection.id] = time.monotonic() + delay
        if not runner.failed:
            self._failures.pop(collection.id, None)
        else:
            self._failures[collection.id] += 1
        if self._failures[collection.id] >= ATTEMPTS:
            del self._failures[collection.id]
            with self._collections.index(collection.id) as index:
                if (run := index.runs.active()) and run.state is RunState.RUNNING:
                    # Its photos are classified; what they are is not known to the next run.
                    index.runs.advance(run.id, RunState.RUNNING, state=RunState.DONE, ended=time.time())
                elif run:
                    refuse(index, run, "collection_failed", {})
        if runner.active:
            self._seen.pop(collection.id, None)

    def _wanted(self, collection: Collection) -> bool:
        """Whether a run is under way, or due now: then it is asked for."""
        now = time.time()
        path = self._collections.index_path(collection.id)
        wal = path.with_name(f"{path.name}-wal")
        # The last one for what two changes within one tick of the file system's clock may hide.
        signs = (collection, _touched(path), _touched(wal), int(now // _UNCHANGED_INTERVAL))
        seen, due_at = self._seen.get(collection.id, (None, 0.0))
        if seen == signs and now < due_at:
            return False
        due_at = math.inf
        with self._collections.index(collection.id) as index:
            active = index.runs.active()
            if active is None and collection.schedule is not None:
                after = max(collection.scheduled, index.runs.last_due())
                if (due := last_due(collection.schedule, after, now)) is not None:
                    try:
                        active = index.runs.ask(due=due)
                    except Conflict:
                        # Somebody asked at this moment: the next look sees what is still due.
                        return True
                due_at = next_after(collection.schedule, max(after, now))
        if active is None:
            # As it was before it was opened: a change since then is seen the next time.
            self._seen[collection.id] = (signs, due_at)
        return active is not None


def _touched(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
