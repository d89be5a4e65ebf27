"""One `weft up` from start to end: Redis, dispatcher, web, workers, and what the terminal is told."""

from __future__ import annotations

import os
import socket
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis

from scripts.supervisor import redis as embedded
from scripts.supervisor.first_bank import NAMES, wanted
from scripts.supervisor.process import Service, cpu_seconds, only_one, trim
from scripts.supervisor.pulse import Pulse
from scripts.supervisor.signals import Signals
from scripts.supervisor.supervisor import Kept, Say, Supervisor
from shared.bank.store import BankStore
from shared.core.errors import Conflict, Unavailable, WeftError
from shared.core.messages import sentence
from shared.core.network import open_to_network
from shared.core.private_files import make_data_dir
from shared.core.redis_urls import addresses
from shared.core.settings import Settings, cores
from shared.encoder import engine
from shared.jobs.admission import memory_share
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.connection import Connection
from shared.jobs.ledger.keys import ready as ready_key
from shared.jobs.model import Lane

ROOT = Path(__file__).resolve().parents[2]
#: Seconds that everything may take to end; the workers get what the others leave.
END_SECONDS = 23.0
WEB_END, DISPATCHER_END, REDIS_END = 3.0, 1.5, 3.0
#: Leases that a worker may let pass without progress before it is restarted: by then others have its work.
STALLED_LEASES = 3
#: Seconds between two looks at the heartbeats, and at the logs' sizes.
LOOK_SECONDS, TRIM_SECONDS = 2.0, 60.0
#: Seconds between two looks after which this process itself did not run (suspended, starved): nobody's silence counts.
UNATTENDED_SECONDS = 10.0
#: Seconds after which the terminal is told that a worker's start is a slow one.
SLOW_START_SECONDS = 30.0


class Up:
    """Everything that runs on this machine for one data folder."""

    def __init__(self, settings: Settings, workers: int, demo: bool, say: Say) -> None:
        self.settings = settings
        self.say = say
        self.signals = Signals()
        self.signals.install()
        self.supervisor = Supervisor(self.signals, say)
        self._count = workers
        self._demo = demo
        self._pair: embedded.Pair | None = None
        self._servers: list[Kept] = []
        self._dispatcher: list[Kept] = []
        self._web: list[Kept] = []
        self._workers: list[Kept] = []
        self._prepare: list[Kept] = []
        self._pulses: dict[str, tuple[float, Pulse]] = {}
        #: Starts in a row of each worker that were given up.
        self._failed_starts: dict[str, int] = {}
        self._slow_starts: set[tuple[str, float]] = set()
        self._looked_at = time.monotonic()
        self._told: dict[str, object] = {}
        self._ledger: Ledger | None = None
        self._open = self._ready = False
        self._banks = BankStore(settings)

    @property
    def url(self) -> str:
        """The address that a browser on this machine opens."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.settings.host, self.settings.host)
        return f"http://{host}:{self.settings.port}"

    def run(self) -> None:
        """Start everything and stay until a signal comes.

        Raises Conflict (`already_running`, `port_in_use`) and Unavailable (`redis_*`) when it cannot start.
        """
        make_data_dir(self.settings.data_dir)
        self.settings.run_dir.mkdir(exist_ok=True, mode=0o700)
        if not self.settings.folder_roots:
            (self.settings.data_dir / "photos").mkdir(exist_ok=True)
        with only_one(self.settings.run_dir, self.settings.data_dir):
            check_port(self.settings.host, self.settings.port)
            if warning := open_to_network(self.settings):
                self.say("web", warning)
            try:
                self._start_redis()
                if not self.signals.stopping:
                    self._start_services()
                self._stay()
            finally:
                self._end()

    def _start_redis(self) -> None:
        if self.settings.redis_url is not None:
            if not embedded.answers(self.settings.redis_url.get_secret_value()):
                raise Unavailable("redis_unavailable")
            return
        pair = self._pair = embedded.prepare(self.settings)
        self._servers = [self.supervisor.add(service) for service in pair.services]
        started = time.monotonic()
        while not pair.answering() and not self.signals.stopping:
            self.signals.wait(0.02)
            self.supervisor.tick()
            broken = next((kept for kept in self._servers if kept.failures > 2), None)
            if broken or time.monotonic() - started > embedded.START_SECONDS:
                raise embedded.failed((broken or self._servers[0]).service)
        pair.announce()
        self.say("redis", f"{pair.program.name} {pair.version}, {pair.ledger_at.path or 'loopback only'}")

    def _start_services(self) -> None:
        self._dispatcher = [self.supervisor.add(self._service("dispatcher"))]
        self._web = [self.supervisor.add(self._service("web"))]
        threads = str(self.settings.threads or max(1, cores() // max(1, self._count)))
        env = {"WEFT_THREADS": threads, "OMP_NUM_THREADS": threads}
        for n in range(1, self._count + 1):
            self._workers.append(self.supervisor.add(self._service("worker", name=f"worker-{n}", env=env)))
        if self._demo:
            argv = (sys.executable, "-P", "-m", "scripts.supervisor.demo")
            self.say("demo", "preparing sample photos, and a demo bank if there is no bank")
            self._prepare = [self.supervisor.add(self._service("demo", argv=argv), once=True)]
        elif engine.parse(self.settings.engine).precision != "null" and wanted(self.settings, NAMES):
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

    def _stay(self) -> None:
        look_at = trim_at = 0.0
        while not self.signals.stopping:
            self.supervisor.tick()
            now = time.monotonic()
            if now >= look_at:
                look_at = now + LOOK_SECONDS
                self._look()
            if now >= trim_at:
                trim_at = now + TRIM_SECONDS
                for kept in self.supervisor.kept:
                    trim(kept.service.log)
            self._greet()
            self.signals.wait(0.5 if self._ready else 0.1)

    def _greet(self) -> None:
        """Give the address as soon as pages come, and say once that photos can be classified."""
        if not self._open and self._answers("/healthz"):
            self._open = True
            self.say("web", f"open {self.url}   (Ctrl-C stops everything)")
        if self._open and not self._ready and self._answers("/readyz"):
            self._ready = True
            self.say("weft", f"ready to classify: {self.url}")

    def _answers(self, path: str) -> bool:
        # OSError covers refused, reset and late; HTTPError is one, too.
        with suppress(OSError, ValueError), urllib.request.urlopen(self.url + path, timeout=1) as answer:
            return bool(answer.status == 200)
        return False

    def _look(self) -> None:
        """Restart workers that hang, and pass on what they say of themselves."""
        now = time.monotonic()
        unattended, self._looked_at = now - self._looked_at > UNATTENDED_SECONDS, now
        pulses = {kept.name: self._pulse(kept) for kept in self._workers if kept.running}
        try:
            beats = self._beats()
            if self._ledger is not None and memory_share(self._ledger) >= 1:
                # It refuses heartbeats, too: their absence tells nothing.
                raise Unavailable("memory_full")
            waits = {
                beat["identity"]: self._work_waits(beat["identity"]) for beat in beats.values() if beat.get("identity")
            }
        except WeftError:
            self._ledger = None
            for pulse in pulses.values():
                pulse.pause(now)
            return
        if unattended:
            for pulse in pulses.values():
                pulse.pause(now)
        for kept in self._workers:
            if kept.name not in pulses or kept.process is None:
                continue
            beat = beats.get(kept.process.pid)
            pulse = pulses[kept.name]
            # What waits may be of a job whose folder this worker cannot read.
            known = beat or {}
            waiting = waits.get(known.get("identity"), False) and not known.get("hidden_jobs")
            why = pulse.look(now, beat, waiting, cpu_seconds(kept.process.pid))
            if why:
                if pulse.starting:
                    self._failed_starts[kept.name] = self._failed_starts.get(kept.name, 0) + 1
                self.supervisor.restart(kept, why)
            elif pulse.starting:
                self._report_slow_start(kept, pulse, now)
            else:
                self._failed_starts.pop(kept.name, None)
                if beat:
                    self._tell(kept.name, beat)

    def _report_slow_start(self, kept: Kept, pulse: Pulse, now: float) -> None:
        """Once per start."""
        key = (kept.name, kept.started_at)
        if pulse.waited(now) > SLOW_START_SECONDS and key not in self._slow_starts:
            self._slow_starts.add(key)
            load = f"load {os.getloadavg()[0]:.0f} on {cores()} cores"
            allowed = f"allowed idle time: {pulse.start_allowance:.0f} s"
            self.say(kept.name, f"slow start ({load}); {allowed}")

    def _pulse(self, kept: Kept) -> Pulse:
        known = self._pulses.get(kept.name)
        if known is None or known[0] != kept.started_at:
            stalled = STALLED_LEASES * self.settings.lease_seconds
            pulse = Pulse(kept.started_at, stalled, self._failed_starts.get(kept.name, 0))
            known = self._pulses[kept.name] = (kept.started_at, pulse)
        return known[1]

    def _beats(self) -> dict[int, dict[str, Any]]:
        """Heartbeats of this machine's workers by the process that `weft up` started: the head of their session."""
        if self._ledger is None:
            # Short timeouts: Ctrl-C waits for this.
            client = redis.Redis.from_url(addresses(self.settings).ledger, socket_timeout=1, socket_connect_timeout=1)
            self._ledger = Ledger(Connection(client))
        found = {}
        for beat in self._ledger.workers():
            if beat.get("host") == socket.gethostname():
                with suppress(OSError):
                    found[os.getsid(beat["pid"])] = beat
        return found

    def _work_waits(self, identity: str) -> bool:
        assert self._ledger is not None
        client = self._ledger.connection.redis
        try:
            return any(client.llen(ready_key(identity, lane.value)) for lane in Lane)
        except redis.RedisError as error:
            raise Unavailable("redis_unavailable") from error

    def _tell(self, name: str, beat: dict[str, Any]) -> None:
        """Say it once when a worker's state is another than before."""
        state = {"busy": "ready"}.get(beat["state"], beat["state"])
        bank = self._banks.current()
        error = beat["error"]
        now = (state, state == "ready" and bank, error and error["code"])
        if self._told.get(name) == now:
            return
        self._told[name] = now
        if error:
            self.say(name, sentence(error["code"], **error["detail"]))
        elif state == "ready" and bank is None:
            awaited = any(kept.running for kept in self._prepare)
            lacks = "its bank is being built" if awaited else sentence("no_bank")
            self.say(name, f"{beat['model']} on {beat['device']}; {lacks}")
        else:
            self.say(name, f"{state}: {beat['model']}" + (f" on {beat['device']}" if beat["device"] else ""))

    def _end(self) -> None:
        if self.signals.asked_at is not None:
            self.say("weft", "stopping; workers finish their current photos")
        deadline = time.monotonic() + END_SECONDS
        self.supervisor.end(self._prepare, 0)
        self.supervisor.end(self._web, WEB_END)
        self.supervisor.end(self._workers, deadline - time.monotonic() - DISPATCHER_END - REDIS_END)
        self.supervisor.end(self._dispatcher, DISPATCHER_END)
        # Its last write is not hurried, even when the user insists.
        self.signals.insisted = False
        self.supervisor.end(self._servers, REDIS_END)
        if self._pair is not None:
            self._pair.withdraw()


def check_port(host: str, port: int) -> None:
    """Raise Conflict (`port_in_use`) where the web process could not listen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            raise Conflict("port_in_use", host=host, port=port) from error
