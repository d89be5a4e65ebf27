"""One run of `weft up`: Redis, dispatcher, web, workers, and the terminal output."""

from __future__ import annotations

import os
import socket
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from scripts.supervisor import crash_loops
from scripts.supervisor import redis as embedded
from scripts.supervisor.external_redis import await_server
from scripts.supervisor.first_bank import NAMES, bank_needed
from scripts.supervisor.heartbeat_monitor import HeartbeatMonitor
from scripts.supervisor.port import check_port
from scripts.supervisor.process import Service, cpu_seconds, single_instance, trim
from scripts.supervisor.signals import Signals
from scripts.supervisor.supervisor import ManagedProcess, Say, Supervisor
from shared.access.exposure import check_exposure
from shared.bank.store import BankStore
from shared.core.errors import Unavailable, WeftError
from shared.core.messages import sentence
from shared.core.private_files import make_data_dir
from shared.core.redis_client import client
from shared.core.redis_urls import addresses
from shared.core.service_manager import ServiceManager
from shared.core.settings import Settings, cores
from shared.encoder import engine
from shared.jobs.admission import memory_share
from shared.jobs.heartbeat import Heartbeat, WorkerState, live_workers
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.connection import Connection
from shared.jobs.ledger.keys import ready as ready_key
from shared.jobs.ledger.redis_errors import redis_errors
from shared.jobs.model import Lane
from shared.storage import require_storage

ROOT = Path(__file__).resolve().parents[2]
#: Seconds that each kind of service has to end, in this order; what is not done then is killed.
WEB_STOP_SECONDS, DISPATCHER_STOP_SECONDS, WORKERS_STOP_SECONDS, REDIS_STOP_SECONDS = 5.0, 5.0, 20.0, 10.0
#: Lease periods without progress before a worker is restarted: by then its work has been reassigned.
STALLED_LEASES = 3
#: Seconds between two checks of the heartbeats, and of the log sizes.
CHECK_INTERVAL, TRIM_INTERVAL = 2.0, 60.0
#: A longer gap between two checks means that this process was suspended or starved: missing heartbeats do not count.
UNATTENDED_SECONDS = 10.0
#: Seconds after which a slow start of a worker is reported.
SLOW_START_SECONDS = 30.0


class LocalStack:
    """All services of one data folder on this machine."""

    def __init__(self, settings: Settings, workers: int, demo: bool, say: Say) -> None:
        self.settings = settings
        self.say = say
        self.systemd = ServiceManager()
        self.signals = Signals()
        self.signals.install()
        self.supervisor = Supervisor(self.signals, say)
        self._worker_count = workers
        self._demo = demo
        self._pair: embedded.Pair | None = None
        self._servers: list[ManagedProcess] = []
        self._dispatcher: list[ManagedProcess] = []
        self._web: list[ManagedProcess] = []
        self._workers: list[ManagedProcess] = []
        self._prepare: list[ManagedProcess] = []
        self._monitors: dict[str, tuple[float, HeartbeatMonitor]] = {}
        #: Consecutive failed starts per worker.
        self._failed_starts: dict[str, int] = {}
        self._slow_starts: set[tuple[str, float]] = set()
        self._checked_at = time.monotonic()
        self._reported: dict[str, object] = {}
        self._ledger: Ledger | None = None
        self._web_open = self._ready = False
        self._banks = BankStore(settings)

    @property
    def url(self) -> str:
        """URL for a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.settings.host, self.settings.host)
        return f"http://{host}:{self.settings.port}"

    def run(self) -> None:
        """Starts everything and runs until a signal arrives.

        Raises Conflict (`already_running`, `port_in_use`) and Unavailable (`redis_*`) when it cannot start.
        """
        make_data_dir(self.settings.data_dir)
        self.settings.run_dir.mkdir(exist_ok=True, mode=0o700)
        if not self.settings.folder_roots:
            (self.settings.data_dir / "photos").mkdir(exist_ok=True)
        with single_instance(self.settings.run_dir, self.settings.data_dir):
            check_port(self.settings.host, self.settings.port)
            if away := require_storage(self.settings):
                self.say("storage", str(away))
            if warning := check_exposure(self.settings):
                self.say("web", warning)
            try:
                self._start_redis()
                if not self.signals.stopping:
                    self._start_services()
                self._supervise()
            finally:
                self.systemd.stopping()
                self._stop()

    def _start_redis(self) -> None:
        if self.settings.redis_url is not None:
            for finding in await_server(self.settings, self.signals):
                self.say("redis", str(finding))
            return
        pair = self._pair = embedded.prepare(self.settings)
        self._servers = [self.supervisor.add(service) for service in pair.services]
        started = time.monotonic()
        while not pair.answering() and not self.signals.stopping:
            self.signals.wait(0.02)
            self.supervisor.tick()
            broken = next((managed for managed in self._servers if managed.failures > 2), None)
            if broken or time.monotonic() - started > embedded.START_SECONDS:
                raise embedded.failed((broken or self._servers[0]).service)
        pair.announce()
        self.say("redis", f"{pair.program.name} {pair.version}, {pair.ledger_at.path or 'loopback only'}")

    def _start_services(self) -> None:
        self._dispatcher = [self.supervisor.add(self._service("dispatcher"))]
        self._web = [self.supervisor.add(self._service("web"))]
        threads = str(self.settings.threads or max(1, cores() // max(1, self._worker_count)))
        env = {"WEFT_THREADS": threads, "OMP_NUM_THREADS": threads}
        if self.settings.read_limit:
            env["WEFT_READ_LIMIT"] = str(self.settings.read_limit / max(1, self._worker_count))
        for n in range(1, self._worker_count + 1):
            self._workers.append(self.supervisor.add(self._service("worker", name=f"worker-{n}", env=env)))
        if self._demo:
            argv = (sys.executable, "-P", "-m", "scripts.supervisor.demo")
            self.say("demo", "preparing sample photos, and a demo bank if there is no bank")
            self._prepare = [self.supervisor.add(self._service("demo", argv=argv), once=True)]
        elif engine.parse(self.settings.engine).has_model and bank_needed(self.settings, NAMES):
            argv = (sys.executable, "-P", "-m", "scripts.supervisor.names")
            self.say("names", "no bank yet: preparing to rank by class name only")
            self._prepare = [self.supervisor.add(self._service("names", argv=argv), once=True)]

    def _service(
        self, role: str, name: str = "", argv: tuple[str, ...] = (), env: dict[str, str] | None = None
    ) -> Service:
        known = {
            "WEFT_DATA_DIR": str(self.settings.data_dir),
            "WEFT_HOST": self.settings.host,
            "WEFT_PORT": str(self.settings.port),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "PYTHONUNBUFFERED": "1",
        }
        return Service(
            name=name or role,
            argv=argv or (sys.executable, "-P", "-m", "scripts.cli", role),
            log=self.settings.run_dir / f"{name or role}.log",
            env=known | (env or {}),
        )

    def _supervise(self) -> None:
        check_at = trim_at = 0.0
        while not self.signals.stopping:
            self.supervisor.tick()
            now = time.monotonic()
            if now >= check_at:
                check_at = now + CHECK_INTERVAL
                self._check_workers()
            if now >= trim_at:
                trim_at = now + TRIM_INTERVAL
                for managed in self.supervisor.processes:
                    trim(managed.service.log)
            self._announce_ready()
            self.signals.wait(0.5 if self._ready else 0.1)

    def _announce_ready(self) -> None:
        """Prints the address once pages are served, and once more when photos can be classified."""
        if not self._web_open and self._answers("/healthz"):
            self._web_open = True
            self.say("web", f"open {self.url}   (Ctrl-C stops everything)")
            self.systemd.ready(f"pages at {self.url}")
        if self._web_open and not self._ready and self._answers("/readyz"):
            self._ready = True
            self.say("weft", f"ready to classify: {self.url}")
            self.systemd.status(f"ready to classify: {self.url}")

    def _answers(self, path: str) -> bool:
        # OSError covers refused, reset and late; HTTPError is one, too.
        with suppress(OSError, ValueError), urllib.request.urlopen(self.url + path, timeout=1) as answer:
            return bool(answer.status == 200)
        return False

    def _check_workers(self) -> None:
        """Restarts hung workers, and reports state changes."""
        now = time.monotonic()
        unattended, self._checked_at = now - self._checked_at > UNATTENDED_SECONDS, now
        monitors = {managed.name: self._monitor(managed) for managed in self._workers if managed.running}
        try:
            heartbeats = self._heartbeats()
            if self._ledger is not None:
                working = [pid for pid, heartbeat in heartbeats.items() if heartbeat.works]
                crash_loops.report(self._ledger, self.settings, self._workers, working)
            if self._ledger is not None and memory_share(self._ledger) >= 1:
                # A full Redis refuses heartbeats too, so that missing ones mean nothing.
                raise Unavailable("memory_full")
            ready_work = {
                heartbeat.identity: self._has_ready_work(heartbeat.identity)
                for heartbeat in heartbeats.values()
                if heartbeat.identity
            }
        except WeftError:
            self._ledger = None
            for monitor in monitors.values():
                monitor.pause(now)
            return
        if unattended:
            for monitor in monitors.values():
                monitor.pause(now)
        for managed in self._workers:
            if managed.name not in monitors or managed.process is None:
                continue
            heartbeat = heartbeats.get(managed.process.pid)
            monitor = monitors[managed.name]
            # Ready work may belong to a job that this worker leaves alone.
            left_alone = heartbeat and (heartbeat.hidden_jobs or heartbeat.blocked_jobs)
            identity = heartbeat.identity if heartbeat and not left_alone else None
            waiting = ready_work.get(identity or "", False)
            why = monitor.check(now, heartbeat, waiting, cpu_seconds(managed.process.pid))
            if why:
                if monitor.starting:
                    self._failed_starts[managed.name] = self._failed_starts.get(managed.name, 0) + 1
                self.supervisor.restart(managed, why)
            elif monitor.starting:
                self._report_slow_start(managed, monitor, now)
            else:
                self._failed_starts.pop(managed.name, None)
                if heartbeat:
                    self._report_state(managed.name, heartbeat)

    def _report_slow_start(self, managed: ManagedProcess, monitor: HeartbeatMonitor, now: float) -> None:
        """Once per start."""
        key = (managed.name, managed.started_at)
        if monitor.waited(now) > SLOW_START_SECONDS and key not in self._slow_starts:
            self._slow_starts.add(key)
            load = f"load {os.getloadavg()[0]:.0f} on {cores()} cores"
            allowed = f"allowed idle time: {monitor.start_allowance:.0f} s"
            self.say(managed.name, f"slow start ({load}); {allowed}")

    def _monitor(self, managed: ManagedProcess) -> HeartbeatMonitor:
        known = self._monitors.get(managed.name)
        if known is None or known[0] != managed.started_at:
            stalled = STALLED_LEASES * self.settings.lease_seconds
            monitor = HeartbeatMonitor(managed.started_at, stalled, self._failed_starts.get(managed.name, 0))
            known = self._monitors[managed.name] = (managed.started_at, monitor)
        return known[1]

    def _heartbeats(self) -> dict[int, Heartbeat]:
        """Heartbeats of this machine's workers, by the process id that `weft up` started (their session leader)."""
        if self._ledger is None:
            # Short timeouts, because Ctrl-C waits for this call.
            connected = client(addresses(self.settings).ledger, socket_timeout=1, socket_connect_timeout=1)
            self._ledger = Ledger(Connection(connected))
        found = {}
        for heartbeat in live_workers(self._ledger):
            if heartbeat.host == socket.gethostname() and heartbeat.pid:
                with suppress(OSError):
                    found[os.getsid(heartbeat.pid)] = heartbeat
        return found

    def _has_ready_work(self, identity: str) -> bool:
        assert self._ledger is not None
        connected = self._ledger.connection.redis
        with redis_errors():
            return any(connected.llen(ready_key(identity, lane.value)) for lane in Lane)

    def _report_state(self, name: str, heartbeat: Heartbeat) -> None:
        """Prints a worker's state when it has changed."""
        state = WorkerState.READY if heartbeat.works else heartbeat.state
        bank = self._banks.current()
        error = heartbeat.error
        now = (state, heartbeat.works and bank, error and error.code)
        if self._reported.get(name) == now:
            return
        self._reported[name] = now
        if error:
            self.say(name, sentence(error.code, **error.detail))
        elif heartbeat.works and bank is None:
            preparing = any(managed.running for managed in self._prepare)
            lacks = "its bank is being built" if preparing else sentence("no_bank")
            self.say(name, f"{heartbeat.model} on {heartbeat.device}; {lacks}")
        else:
            self.say(name, f"{state}: {heartbeat.model}" + (f" on {heartbeat.device}" if heartbeat.device else ""))

    def _stop(self) -> None:
        if self.signals.asked_at is not None:
            self.say("weft", "stopping; workers finish their current photos")
        self.supervisor.end(self._prepare, 0)
        # Nothing new is taken, nothing new is handed out, what is in hand is finished or handed back.
        self.supervisor.end(self._web, WEB_STOP_SECONDS)
        self.supervisor.end(self._dispatcher, DISPATCHER_STOP_SECONDS)
        self.supervisor.end(self._workers, WORKERS_STOP_SECONDS)
        # Redis gets its time to save, even on a forced quit.
        self.signals.force_quit = False
        self.supervisor.end(self._servers, REDIS_STOP_SECONDS)
        if self._pair is not None:
            self._pair.withdraw()
