"""Watches collections whose runs begin by themselves: a thread each, which hears of changes or looks again and again.

Changes only say when to look; the look (`Running.arrived`) says whether there is something to do. So nothing is missed
by a restart, by a change that nobody was told of, or by a folder that went away and came back.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import structlog

from shared.collections.collection import Collection
from shared.collections.index import Index
from shared.collections.running import Running
from shared.collections.store import Collections
from shared.collections.watching import EVENTS, POLLING, Arrived, Watching
from shared.core.errors import Conflict, Unavailable, WeftError
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from worker.dispatcher.file_systems import tells_of_changes
from worker.dispatcher.rounds import Rounds

_log = structlog.get_logger(__name__)
#: Seconds between two rounds over the list of collections, and between two steps of a watch.
_ROUND_INTERVAL, _STEP = 1.0, 1.0
#: Seconds after which a folder that tells of its changes is looked at all the same: what is told may get lost.
_UNTOLD_INTERVAL = 1800.0
#: Times the quiet after which what arrives without a pause is taken up nevertheless.
_LONGEST_QUIETS = 10
#: A look takes at most this share of the time.
_LOOK_SHARE = 1 / 20
#: Seconds until the same files are tried again after their run was refused, and until a watch that failed is repeated.
_REFUSED_INTERVAL, _RETRY_DELAY = 600.0, 10.0


class Watcher(Rounds):
    """Begins and ends watches as collections are changed."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        super().__init__("watcher", "watching_delayed", _ROUND_INTERVAL)
        self._settings, self._ledger = settings, ledger
        self._collections = Collections(settings)
        self._watches: dict[str, _Watch] = {}
        self._listed: tuple[int, int] | None = None

    def round(self) -> None:
        with suppress(FileNotFoundError):
            # The minute for what two changes within one tick of the file system's clock may hide.
            signs = (self._collections.path.stat().st_mtime_ns, int(time.time() // 60))
            if signs == self._listed:
                return
            wanted = {one.id: one for one in self._collections.list() if one.watch}
            self._listed = signs
            for known, watch in list(self._watches.items()):
                if watch.collection != wanted.get(known):
                    watch.stopping.set()
                    del self._watches[known]
            for one in wanted.values():
                if one.id not in self._watches:
                    self._watches[one.id] = watch = _Watch(self._settings, self._ledger, one)
                    watch.start()

    def end(self) -> None:
        super().end()
        for watch in list(self._watches.values()):
            watch.stopping.set()


class _Watch(threading.Thread):
    """One collection as it is now. Times are monotonic seconds."""

    def __init__(self, settings: Settings, ledger: Ledger, collection: Collection) -> None:
        super().__init__(name=f"watch-{collection.id}", daemon=True)
        self.collection = collection
        self.stopping = threading.Event()
        self._settings = settings
        self._quiet, self._poll = settings.watch_quiet_seconds, settings.watch_poll_seconds
        self._collections = Collections(settings)
        self._running = Running(settings, ledger, collection)
        self._how = POLLING
        self._next_look = self._not_before = 0.0
        #: What the last look saw, when that was, when something last changed, and when what waits began to.
        self._signs = b""
        self._looked = self._changed = float("-inf")
        self._first: float | None = None
        #: What a run was last asked for, and when.
        self._asked: tuple[bytes, float] = (b"", 0.0)

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                if self._told():
                    self._follow()
                else:
                    self._how = POLLING
                    self._step()
                    self.stopping.wait(_STEP)
            except Unavailable as error:
                _log.warning("watch_interrupted", collection=self.collection.id, code=error.code)
                self.stopping.wait(_RETRY_DELAY)
            except Exception:
                _log.exception("watch_failed", collection=self.collection.id)
                self.stopping.wait(_RETRY_DELAY)

    def _told(self) -> bool:
        """Whether the file system tells of changes; asked again while it is polled, as a share may be connected."""
        return not self._settings.watch_polling and all(map(tells_of_changes, self.collection.folders))

    def _follow(self) -> None:
        """Until a folder is another one than before: then what was asked of the system is of no use any more."""
        before = self._folders()
        for changed in self._changes():
            now = time.monotonic()
            if changed:
                self._first = now if self._first is None else self._first
                self._changed = now
                self._next_look = max(self._not_before, min(now + self._quiet, self._first + self._longest))
            if self._folders() != before:
                self._next_look = 0.0
                self._step()
                return
            self._step()

    def _changes(self) -> Iterator[bool]:
        """Whether something has changed, at least once in `_STEP`; where the system refuses to tell, as where it has
        no more watches to give, only so often that folders are polled."""
        try:
            from watchfiles import watch
        except ImportError:
            refused: object = "watchfiles is not installed"
        else:
            try:
                self._how = EVENTS
                for changes in watch(
                    *self.collection.folders,
                    watch_filter=None,
                    stop_event=self.stopping,
                    rust_timeout=int(_STEP * 1000),
                    yield_on_timeout=True,
                    force_polling=False,
                    ignore_permission_denied=True,
                ):
                    yield bool(changes)
                return
            except (OSError, RuntimeError) as error:
                refused = error
        self._how = POLLING
        _log.warning("watch_polls", collection=self.collection.id, reason=str(refused))
        while not self.stopping.wait(_STEP):
            yield False

    def _folders(self) -> list[tuple[int, int] | None]:
        """Which folders stand at the paths: a drive that was disconnected leaves another one."""
        found: list[tuple[int, int] | None] = []
        for folder in self.collection.folders:
            try:
                told = os.stat(folder)
                found.append((told.st_dev, told.st_ino))
            except OSError:
                found.append(None)
        return found

    @property
    def _longest(self) -> float:
        return _LONGEST_QUIETS * self._quiet

    @property
    def _idle(self) -> float:
        return self._poll if self._how == POLLING else max(self._poll, _UNTOLD_INTERVAL)

    def _step(self) -> None:
        began = time.monotonic()
        if began < self._next_look or self.stopping.is_set():
            return
        with self._collections.index(self.collection.id) as index:
            if index.runs.active():
                self._next_look = began + min(self._quiet, 5.0)
                return
            try:
                found = self._running.arrived(index)
            except WeftError as error:
                # A drive or an object store that is away, or a folder that is no longer allowed.
                index.note_watching(Watching(self._how, error.code, error.detail))
                self._signs, self._first = b"", None
                self._next_look = time.monotonic() + self._poll
                return
            index.note_watching(Watching(self._how))
            now = time.monotonic()
            self._not_before = now + (now - began) / _LOOK_SHARE
            wait = self._decide(index, found, began)
            self._looked = began
            self._next_look = max(now + wait, self._not_before)

    def _decide(self, index: Index, found: Arrived, now: float) -> float:
        """Asks for a run where what arrived is complete; returns the seconds until the next look."""
        if found.signs != self._signs and self._changed <= self._looked:
            # Nobody told of it: as it has just been seen, it may still be arriving.
            self._changed = now
        self._signs = found.signs
        if not found.waiting:
            self._first = None
            return self._idle
        self._first = now if self._first is None else self._first
        quiet = now - self._changed >= self._quiet or now - self._first >= self._longest
        signs, asked = self._asked
        refused = signs == found.signs and now - asked < _REFUSED_INTERVAL
        if found.ready and quiet and not refused:
            with suppress(Conflict):
                run = index.runs.ask(watched=True)
                _log.info("collection_stirred", collection=self.collection.id, run=run.id, photos=found.ready)
            self._asked, self._first = (found.signs, now), None
        return self._quiet
