"""Keeps services running: starts them, restarts what dies with a growing pause, and ends them in order."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scripts.supervisor.process import Service, StillRunning, rotate, signal_session, spawn
from scripts.supervisor.signals import Signals

#: Seconds before the first restart; doubled each time, up to the service's longest.
FIRST_PAUSE = 0.5
#: A service that lived this long starts again with the first pause.
STEADY_SECONDS = 30.0

Say = Callable[[str, str], None]


@dataclass
class Kept:
    """A service under supervision."""

    service: Service
    #: Ends by itself and is not started again.
    once: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    retry_at: float = 0.0
    done: bool = False

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None


@dataclass
class Supervisor:
    """All services of one `weft up`."""

    signals: Signals
    #: Prints a line: (name, what happened).
    say: Say
    kept: list[Kept] = field(default_factory=list)

    def add(self, service: Service, once: bool = False) -> Kept:
        """Start a service and keep it running; with `once`, let it end."""
        rotate(service.log)
        kept = Kept(service, once)
        self.kept.append(kept)
        self._start(kept)
        return kept

    def tick(self) -> None:
        """Notice what ended, and start what is due."""
        for kept in self.kept:
            if kept.done:
                continue
            if kept.process is not None:
                code = kept.process.poll()
                if code is not None:
                    self._ended(kept, code)
            elif time.monotonic() >= kept.retry_at:
                self._start(kept)

    def restart(self, kept: Kept, why: str) -> None:
        """Kill a service that hangs; the next tick starts it again."""
        if kept.process is not None:
            self.say(kept.name, f"{why}: restarting it")
            signal_session(kept.process, signal.SIGKILL)
            kept.process.wait()

    def end(self, group: Sequence[Kept], seconds: float) -> None:
        """Ask a group to end (SIGTERM) and wait; kill after `seconds`, or at once when the user insists."""
        deadline = time.monotonic() + seconds
        for kept in group:
            kept.done = True
            if kept.process is not None and kept.running:
                kept.process.send_signal(signal.SIGTERM)
                # A stopped process would never see it.
                kept.process.send_signal(signal.SIGCONT)
        while any(kept.running for kept in group) and time.monotonic() < deadline and not self.signals.insisted:
            self.signals.wait(0.1)
        for kept in group:
            if kept.process is not None:
                if kept.running:
                    self.say(kept.name, "did not end in time: killed")
                # Also what it started and left behind.
                signal_session(kept.process, signal.SIGKILL)
                kept.process.wait()

    def _start(self, kept: Kept) -> None:
        try:
            kept.process = spawn(kept.service)
        except StillRunning:
            # Killed a moment ago, together with the supervisor it had; it is saving what it holds.
            if kept.retry_at == 0:
                self.say(kept.name, "waiting for an earlier one to end")
            kept.retry_at = time.monotonic() + FIRST_PAUSE
            return
        except OSError as error:
            self._pause(kept, str(error))
            return
        kept.started_at = time.monotonic()

    def _ended(self, kept: Kept, code: int) -> None:
        assert kept.process is not None
        signal_session(kept.process, signal.SIGKILL)
        kept.process = None
        if kept.once:
            kept.done = True
            self.say(kept.name, f"failed ({_spelled(code)}); see {kept.service.log}" if code else "done")
            return
        if kept.service.disposable is not None and code > 0:
            kept.service.disposable.unlink(missing_ok=True)
        if time.monotonic() - kept.started_at > STEADY_SECONDS:
            kept.failures = 0
        self._pause(kept, f"ended ({_spelled(code)})")

    def _pause(self, kept: Kept, why: str) -> None:
        pause = min(kept.service.longest_pause, FIRST_PAUSE * 2**kept.failures)
        kept.failures = min(kept.failures + 1, 10)
        kept.retry_at = time.monotonic() + pause
        self.say(kept.name, f"{why}; starting it again in {pause:g} s (log: {kept.service.log})")


def _spelled(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
