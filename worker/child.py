"""The child process: loads the engine once, says how it is, and works through chunks whenever Celery wakes it."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import psutil
import structlog

from shared.core import measuring, tracing
from shared.core.day_limit import DayLimit
from shared.core.errors import WeftError
from shared.core.process import freeze_heap
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.heartbeat import Heartbeat, HeartbeatError, WorkerState
from shared.jobs.ledger import Ledger, measurements
from shared.jobs.ledger.claims import Claims
from shared.jobs.model import Lane
from shared.jobs.notifier import WorkerNotifier
from worker.blocked_jobs import BlockedJobs
from worker.crashes import STABLE_SECONDS
from worker.folders import Folders
from worker.process_usage import ProcessUsage
from worker.source import LedgerSource

if TYPE_CHECKING:
    from shared.photos.decode_pool import DecodePool
    from shared.pipeline import Pipeline
    from worker.crashes import Crashes
    from worker.drain import Drain
    from worker.engine import Engine

_log = structlog.get_logger(__name__)

#: One Celery task ends after this, so that messages are acknowledged well within their visibility timeout.
_MAX_TASK_SECONDS = 60.0
_HEARTBEAT_INTERVAL = 2.0
#: Seconds between two attempts to load what failed to load.
_LOAD_RETRY_DELAY = 15.0
#: Seconds between two looks for a bank server that is away.
_SERVER_INTERVAL = 10.0
#: Seconds over which images a second are taken.
_RATE_WINDOW_SECONDS = 30.0


class Child:
    def __init__(
        self, settings: Settings, worker_id: str, lanes: Sequence[Lane], drain: Drain, crashes: Crashes
    ) -> None:
        self._settings = settings
        self._id = worker_id
        self._lanes = lanes
        self._drain = drain
        self._crashes = crashes
        self._folders = Folders(settings.roots)
        self._blocked_jobs = BlockedJobs()
        self._ready = threading.Event()
        self._closing = threading.Event()
        self._engine: Engine | None = None
        self._pipeline: Pipeline | None = None
        self._decoders: DecodePool | None = None
        self._error: WeftError | None = None
        self._ready_since: float | None = None
        self._busy = False
        self._photos = 0
        self._recent: deque[tuple[float, int]] = deque()
        self._day_limit = DayLimit.of(settings.day_limit)
        self._usage = ProcessUsage(psutil.Process(os.getppid()))

    def start(self) -> None:
        """Loads in one thread, beats in another, looks after folders in a third, and after the bank server."""
        tracing.start("worker")
        threading.Thread(target=self._folders.watch, args=(self._closing,), name="folders", daemon=True).start()
        threading.Thread(target=self._load, name="load", daemon=True).start()
        if self._settings.index_url:
            threading.Thread(target=self._watch_server, name="bank-server", daemon=True).start()
        threading.Thread(target=self._send_heartbeats, name="heartbeat", daemon=True).start()

    def work(self) -> None:
        """One Celery task: claims and works until nothing is left or a minute has passed."""
        if not self._wait_until_ready():
            return
        assert self._engine is not None
        assert self._pipeline is not None
        self._refresh()
        ledger = Ledger.connect(self._settings)
        engine, info = self._engine, self._engine.encoder.info
        lease = self._settings.lease_seconds
        claims = Claims(ledger.connection, self._id, engine.identity, lease, info.engine, info.precision)
        until = time.monotonic() + _MAX_TASK_SECONDS
        source = LedgerSource(
            claims,
            self._settings.lease_seconds,
            lambda: bool(self._drain),
            self._count_photos,
            self._folders,
            self._blocked_jobs,
            engine.server_away,
        )
        self._busy = True
        try:
            with source:
                self._pipeline.run(source, self._lanes, lambda: not self._drain and time.monotonic() < until)
        finally:
            self._busy = False
        if self._pipeline.reads_hang:
            self._error = WeftError("reads_hang")
            _log.error("child_replaced_after_hung_reads")
            # Seen by people before the next child reports.
            time.sleep(2 * _HEARTBEAT_INTERVAL)
            os._exit(70)
        if self._pipeline.needs_restart:
            # A thread hangs in a photo that was given up; only a new process gets rid of it.
            _log.warning("child_replaced")
            os._exit(70)
        if time.monotonic() >= until and not self._drain:
            WorkerNotifier(self._settings).notify(self._lanes[-1])

    def close(self) -> None:
        """The process ends."""
        self._closing.set()
        tracing.stop()
        try:
            ledger = Ledger.connect(self._settings)
            ledger.deregister_worker(self._id)
            measurements.flush(ledger.connection)
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
                self._decoders = self._decoders or engine.decode_pool(settings)
                photos = Photos(open_storage(settings), settings.roots, Limits.of(settings), self._decoders)
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
                freeze_heap()
                self._ready_since = time.time()
                self._ready.set()
                measuring.started("worker")
                self._usage.counted_again()
                _log.info("ready", model=info.model, engine=info.engine, precision=info.precision, trained=info.trained)
                return

    def _refresh(self) -> None:
        assert self._engine is not None
        try:
            self._engine.refresh()
            self._error = None
        except WeftError as error:
            # Jobs that name the bank which this worker has continue; the page says what is wrong with the new one.
            self._error = error
            _log.error("bank_unusable", code=error.code, message=str(error))

    def _watch_server(self) -> None:
        """Once it was away: whether it is back, also where no job asks any more."""
        while not self._closing.wait(_SERVER_INTERVAL):
            if self._engine is not None:
                self._engine.server_away()

    def _count_photos(self, photos: int) -> None:
        self._photos += photos
        self._recent.append((time.monotonic(), photos))

    def _send_heartbeats(self) -> None:
        ledger: Ledger | None = None
        while not self._closing.is_set():
            try:
                ledger = ledger or Ledger.connect(self._settings)
                ledger.record_heartbeat(self._id, self._report().to_json())
                measurements.flush(ledger.connection)
                if self._ready_since is not None and time.time() - self._ready_since > STABLE_SECONDS:
                    self._crashes.child_is_stable()
            except WeftError:
                ledger = None
            except psutil.Error:
                return
            self._closing.wait(_HEARTBEAT_INTERVAL)

    @property
    def _told_error(self) -> WeftError | None:
        """What is wrong; until this child is ready, also that those before it crashed."""
        away = self._engine.server_error if self._engine else None
        return self._error or away or (None if self._ready.is_set() else self._crashes.error())

    def _state(self) -> WorkerState:
        if self._told_error:
            return WorkerState.ERROR
        if not self._ready.is_set():
            return WorkerState.LOADING
        return WorkerState.BUSY if self._busy else WorkerState.READY

    def _report(self) -> Heartbeat:
        cpu_percent, memory_mb = self._usage.measure()
        engine = self._engine
        info = engine.encoder.info if engine else None
        error = self._told_error
        return Heartbeat(
            id=self._id,
            host=socket.gethostname(),
            pid=os.getpid(),
            state=self._state(),
            lanes=[lane.value for lane in self._lanes],
            device=info.device if info else None,
            model=info.model if info else self._settings.model,
            trained=info.trained if info else None,
            engine=info.engine if info else self._settings.engine,
            precision=info.precision if info else None,
            preprocessing=info.preprocessing if info else None,
            identity=engine.identity if engine else None,
            bank=engine.bank.version if engine and engine.bank else None,
            banks=list(engine.banks) if engine else [],
            ready_since=self._ready_since,
            rate=self._rate(),
            photos=self._photos,
            cache_hits=self._pipeline.cache.hits if self._pipeline else 0,
            cache_misses=self._pipeline.cache.misses if self._pipeline else 0,
            cpu_percent=cpu_percent,
            memory_mb=memory_mb,
            core_share=self._day_limit.now if self._day_limit else None,
            hidden_jobs=self._folders.unreadable_jobs(),
            blocked_jobs=self._blocked_jobs.report(),
            error=HeartbeatError(code=error.code, detail=error.detail) if error else None,
        )

    def _rate(self) -> float:
        now = time.monotonic()
        while self._recent and self._recent[0][0] < now - _RATE_WINDOW_SECONDS:
            self._recent.popleft()
        if not self._recent:
            return 0.0
        span = max(1.0, now - self._recent[0][0])
        return round(sum(n for _, n in self._recent) / span, 2)
