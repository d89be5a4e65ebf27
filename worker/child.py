"""The child process: loads the engine once, says how it is, and works through chunks whenever Celery wakes it."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import psutil
import structlog

from shared.core.errors import WeftError
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.claims import Claims
from shared.jobs.model import Lane
from shared.jobs.notifier import WorkerNotifier
from worker.folders import Folders
from worker.source import LedgerSource

if TYPE_CHECKING:
    from shared.pipeline import Pipeline
    from worker.drain import Drain
    from worker.engine import Engine

_log = structlog.get_logger(__name__)

#: One Celery task ends after this, so that messages are acknowledged well within their visibility timeout.
_MAX_TASK_SECONDS = 60.0
_HEARTBEAT_INTERVAL = 2.0
#: Seconds between two attempts to load what failed to load.
_LOAD_RETRY_DELAY = 15.0
#: Seconds over which images a second are taken.
_RATE_WINDOW_SECONDS = 30.0


class Child:
    def __init__(self, settings: Settings, worker_id: str, lanes: Sequence[Lane], drain: Drain) -> None:
        self._settings = settings
        self._id = worker_id
        self._lanes = lanes
        self._drain = drain
        self._folders = Folders(settings.roots)
        self._ready = threading.Event()
        self._closing = threading.Event()
        self._engine: Engine | None = None
        self._pipeline: Pipeline | None = None
        self._error: WeftError | None = None
        self._ready_since: float | None = None
        self._busy = False
        self._photos = 0
        self._recent: deque[tuple[float, int]] = deque()
        parent = psutil.Process(os.getppid())
        self._processes = [parent, psutil.Process()]

    def start(self) -> None:
        """Loads in one thread, beats in another, looks after folders in a third."""
        threading.Thread(target=self._folders.watch, args=(self._closing,), name="folders", daemon=True).start()
        threading.Thread(target=self._load, name="load", daemon=True).start()
        threading.Thread(target=self._send_heartbeats, name="heartbeat", daemon=True).start()

    def work(self) -> None:
        """One Celery task: claims and works until nothing is left or a minute has passed."""
        if not self._wait_until_ready():
            return
        assert self._engine is not None
        assert self._pipeline is not None
        self._refresh()
        ledger = Ledger.connect(self._settings)
        engine = self._engine
        claims = Claims(
            ledger.connection, self._id, engine.identity, self._settings.lease_seconds, engine.encoder.info.engine
        )
        until = time.monotonic() + _MAX_TASK_SECONDS
        source = LedgerSource(
            claims, self._settings.lease_seconds, lambda: bool(self._drain), self._count_photos, self._folders
        )
        self._busy = True
        try:
            with source:
                self._pipeline.run(source, self._lanes, lambda: not self._drain and time.monotonic() < until)
        finally:
            self._busy = False
        if self._pipeline.needs_restart:
            # A thread hangs in a photo that was given up; only a new process gets rid of it.
            _log.warning("child_replaced_after_hang")
            os._exit(70)
        if time.monotonic() >= until and not self._drain:
            WorkerNotifier(self._settings).notify(self._lanes[-1])

    def close(self) -> None:
        """The process ends."""
        self._closing.set()
        try:
            Ledger.connect(self._settings).deregister_worker(self._id)
        except WeftError:
            _log.debug("deregister_failed")

    def _wait_until_ready(self) -> bool:
        while not self._ready.wait(0.5):
            if self._drain or self._error is not None:
                # The dispatcher rings again while chunks wait.
                time.sleep(0.5)
                return False
        return True

    def _load(self) -> None:
        # Imported here: the parent must never hold an engine.
        from shared.photos.decode import Limits
        from shared.pipeline.photos import Photos
        from shared.storage import open_storage
        from worker.engine import Engine

        settings = self._settings
        while not self._closing.is_set():
            try:
                ledger = Ledger.connect(settings)
                freed = Claims(ledger.connection, self._id, "", settings.lease_seconds).expire_own()
                if freed:
                    _log.warning("dead_child_chunks_freed", chunks=freed)
                engine = self._engine or Engine(settings)
                self._engine = engine
                engine.refresh()
                engine.warm_up()
                info = engine.encoder.info
                photos = Photos(open_storage(settings), settings.roots, Limits.of(settings))
                photo_timeout = 0.75 * settings.lease_seconds
                self._pipeline = engine.pipeline(photos, addresses(settings).cache, photo_timeout)
            except WeftError as error:
                self._error = error
                _log.error("engine_load_failed", code=error.code, message=str(error))
                self._closing.wait(_LOAD_RETRY_DELAY)
            except Exception:
                self._error = WeftError("internal")
                _log.exception("engine_load_failed")
                self._closing.wait(_LOAD_RETRY_DELAY)
            else:
                self._error = None
                self._ready_since = time.time()
                self._ready.set()
                _log.info("ready", model=info.model, engine=info.engine, precision=info.precision, trained=info.trained)
                return

    def _refresh(self) -> None:
        assert self._engine is not None
        try:
            self._engine.refresh()
            self._error = None
        except WeftError as error:
            # Jobs that name the bank which this worker has go on; the page says what is wrong with the new one.
            self._error = error
            _log.error("bank_unusable", code=error.code, message=str(error))

    def _count_photos(self, photos: int) -> None:
        self._photos += photos
        self._recent.append((time.monotonic(), photos))

    def _send_heartbeats(self) -> None:
        ledger: Ledger | None = None
        while not self._closing.is_set():
            try:
                ledger = ledger or Ledger.connect(self._settings)
                ledger.record_heartbeat(self._id, self._report())
            except WeftError:
                ledger = None
            except psutil.Error:
                return
            self._closing.wait(_HEARTBEAT_INTERVAL)

    def _report(self) -> dict[str, Any]:
        engine = self._engine
        info = engine.encoder.info if engine else None
        error = self._error
        state = "error" if error else "loading" if not self._ready.is_set() else "busy" if self._busy else "ready"
        return {
            "id": self._id,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "state": state,
            "lanes": [lane.value for lane in self._lanes],
            "device": info.device if info else None,
            "model": info.model if info else self._settings.model,
            "trained": info.trained if info else None,
            "engine": info.engine if info else self._settings.engine,
            "precision": info.precision if info else None,
            "identity": engine.identity if engine else None,
            "bank": engine.bank.version if engine and engine.bank else None,
            "ready_since": self._ready_since,
            "rate": self._rate(),
            "photos": self._photos,
            "cache_hits": self._pipeline.cache.hits if self._pipeline else 0,
            "cache_misses": self._pipeline.cache.misses if self._pipeline else 0,
            "cpu_percent": round(sum(p.cpu_percent() for p in self._processes), 1),
            "memory_mb": round(sum(_resident(p) for p in self._processes) / 1024**2, 1),
            "hidden_jobs": self._folders.unreadable_jobs(),
            "error": {"code": error.code, "detail": error.detail} if error else None,
        }

    def _rate(self) -> float:
        now = time.monotonic()
        while self._recent and self._recent[0][0] < now - _RATE_WINDOW_SECONDS:
            self._recent.popleft()
        if not self._recent:
            return 0.0
        span = max(1.0, now - self._recent[0][0])
        return round(sum(n for _, n in self._recent) / span, 2)


def _resident(process: psutil.Process) -> int:
    """Bytes; what parent and child share after the fork is counted once, with the parent."""
    info = process.memory_info()
    return int(info.rss - info.shared) if process.pid == os.getpid() else int(info.rss)
