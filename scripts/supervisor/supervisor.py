"""Keeps services running: starts them, restarts dead ones with exponential back-off, and stops them in order."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scripts.supervisor.process import Service, StillRunning, rotate, signal_session, spawn
from scripts.supervisor.signals import Signals

#: Seconds before the first restart; doubled each time, up to the service's maximum.
INITIAL_RESTART_DELAY = 0.5
#: A service that has run this long is restarted with the initial delay.
STABLE_SECONDS = 30.0

Say = Callable[[str, str], None]


@dataclass
class ManagedProcess:
    """A service and its current process."""

    service: Service
    #: Runs to completion and is not restarted.
    once: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    #: Ends in a row that came soon after a start.
    crashes: int = 0
    retry_at: float = 0.0
    done: bool = False

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def running(self) -> bool:
        """Whether its process is alive."""
        return self.process is not None and self.process.poll() is None


@dataclass
class Supervisor:
    """All services of one `weft up`."""

    signals: Signals
    #: Prints a line: (name, what happened).
    say: Say
    processes: list[ManagedProcess] = field(default_factory=list)

    def add(self, service: Service, once: bool = False) -> ManagedProcess:
        """Starts a service and keeps it running; with `once`, it runs to completion."""
        rotate(service.log)
        managed = ManagedProcess(service, once)
        self.processes.append(managed)
        self._start(managed)
        return managed

    def tick(self) -> None:
        """Reaps ended processes, and starts those whose restart is due."""
        for managed in self.processes:
            if managed.done:
                continue
            if managed.process is not None:
                code = managed.process.poll()
                if code is not None:
                    self._ended(managed, code)
            elif time.monotonic() >= managed.retry_at:
                self._start(managed)

    def restart(self, managed: ManagedProcess, why: str) -> None:
        """Kills a hung service; a later tick restarts it."""
        if managed.process is not None:
            self.say(managed.name, f"{why}: restarting it")
            signal_session(managed.process, signal.SIGKILL)
            managed.process.wait()

    def end(self, group: Sequence[ManagedProcess], seconds: float) -> None:
        """Terminates a group (SIGTERM) and waits; kills it after `seconds`, or at once on a forced quit."""
        deadline = time.monotonic() + seconds
        for managed in group:
            managed.done = True
            if managed.process is not None and managed.running:
                managed.process.send_signal(signal.SIGTERM)
                # A stopped process would not receive SIGTERM.
                managed.process.send_signal(signal.SIGCONT)
        while any(managed.running for managed in group) and time.monotonic() < deadline and not self.signals.force_quit:
            self.signals.wait(0.1)
        for managed in group:
            if managed.process is not None:
                if managed.running:
                    self.say(managed.name, "did not end in time: killed")
                # Also its descendants.
                signal_session(managed.process, signal.SIGKILL)
                managed.process.wait()

    def _start(self, managed: ManagedProcess) -> None:
        try:
            managed.process = spawn(managed.service)
        except StillRunning:
            # The instance of a supervisor that was just killed is still saving its data.
            if managed.retry_at == 0:
                self.say(managed.name, "waiting for an earlier one to end")
            managed.retry_at = time.monotonic() + INITIAL_RESTART_DELAY
            return
        except OSError as error:
            self._schedule_restart(managed, str(error))
            return
        managed.started_at = time.monotonic()

    def _ended(self, managed: ManagedProcess, code: int) -> None:
        assert managed.process is not None
        signal_session(managed.process, signal.SIGKILL)
        managed.process = None
        if managed.once:
            managed.done = True
            self.say(managed.name, f"failed ({_describe_exit(code)}); see {managed.service.log}" if code else "done")
            return
        if managed.service.disposable is not None and code > 0:
            managed.service.disposable.unlink(missing_ok=True)
        if time.monotonic() - managed.started_at > STABLE_SECONDS:
            managed.failures = managed.crashes = 0
        managed.crashes += 1
        self._schedule_restart(managed, f"ended ({_describe_exit(code)})")

    def _schedule_restart(self, managed: ManagedProcess, why: str) -> None:
        delay = min(managed.service.max_restart_delay, INITIAL_RESTART_DELAY * 2**managed.failures)
        managed.failures = min(managed.failures + 1, 10)
        managed.retry_at = time.monotonic() + delay
        self.say(managed.name, f"{why}; starting it again in {delay:g} s (log: {managed.service.log})")


def _describe_exit(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
