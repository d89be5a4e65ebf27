"""When a worker has to be restarted from outside: it does not start, its heartbeat stopped, or it does nothing although
there is work.

Celery workers are known to live on without consuming after a broken connection (celery#8030, #8384, #10205), and a
photo may hang a decoder in C code where no exception reaches it. A process that only gets little of the processor is
none of these: CPU time that it uses counts as a sign of life.
"""

from __future__ import annotations

from typing import Any

#: Seconds without a heartbeat and without CPU time, after which a running worker counts as hung; each heartbeat is
#: valid for 15, and comes every 2.
SILENT_SECONDS = 15.0
#: The same for one that uses CPU time: the machine is busy, or the process spins.
BUSY_SILENT_SECONDS = 120.0
#: Seconds without CPU time that a worker may take from its start to its engine's first heartbeat: imports from a cold
#: disk beside other starting workers take minutes. Doubled after each start that failed.
START_SECONDS = 180.0
#: Times that allowance after which a start that does use CPU time is given up.
LONGEST_START = 5
MAX_DOUBLINGS = 5
#: Seconds of CPU time that count as a sign of life: more than an idle parent process uses in `SILENT_SECONDS`.
CPU_SIGN_SECONDS = 0.5


class Pulse:
    """One worker process over time. Times are seconds of one monotonic clock.

    `failed_starts`: how many of its predecessors in a row were killed before their first heartbeat.
    """

    def __init__(self, now: float, stalled_seconds: float, failed_starts: int = 0) -> None:
        self._began = now
        self._seen = now
        self._cpu_at = now
        self._moved = now
        self._cpu = 0.0
        self._photos: object = None
        self._stalled = stalled_seconds
        self.start_allowance = START_SECONDS * 2 ** min(failed_starts, MAX_DOUBLINGS)
        #: The last state it reported: starting, loading, ready, busy, error; None before the first heartbeat.
        self.state: str | None = None

    @property
    def starting(self) -> bool:
        """Whether its engine's process has not reported yet."""
        return self.state in (None, "starting")

    def waited(self, now: float) -> float:
        """Seconds that the present start has taken so far."""
        return now - self._began

    def pause(self, now: float) -> None:
        """Nothing can be told, as the ledger did not answer or nobody looked: count from here."""
        self._seen = self._moved = self._cpu_at = now

    def look(self, now: float, beat: dict[str, Any] | None, work_waits: bool, cpu_seconds: float = 0.0) -> str | None:
        """Take in the present heartbeat; returns why the worker should be restarted, or None.

        `work_waits`: the ledger has work that this worker may take. `cpu_seconds`: what its processes have used so far;
        only differences count.
        """
        self._take_cpu(now, cpu_seconds)
        if beat is not None:
            self._take(now, beat, work_waits)
        if self.starting:
            return self._late(now)
        if beat is None:
            return self._silent(now)
        return "made no progress" if now - self._moved > self._stalled else None

    def _take_cpu(self, now: float, cpu_seconds: float) -> None:
        if cpu_seconds < self._cpu:
            # A child ended, and its share with it.
            self._cpu = cpu_seconds
        elif cpu_seconds - self._cpu >= CPU_SIGN_SECONDS:
            self._cpu, self._cpu_at = cpu_seconds, now

    def _take(self, now: float, beat: dict[str, Any], work_waits: bool) -> None:
        if beat.get("state") == "starting" and not self.starting:
            # Its engine's process ended, and a new one is on its way.
            self._began = self._cpu_at = now
        self.state = beat.get("state")
        self._seen = now
        photos = beat.get("photos")
        idle = self.state == "ready" and not work_waits
        if photos != self._photos or idle or self.state not in ("ready", "busy"):
            self._photos, self._moved = photos, now

    def _late(self, now: float) -> str | None:
        still = now - max(self._began, self._cpu_at)
        if still <= self.start_allowance and now - self._began <= LONGEST_START * self.start_allowance:
            return None
        return f"did not start within {now - self._began:.0f} s"

    def _silent(self, now: float) -> str | None:
        alive = now - max(self._seen, self._cpu_at) <= SILENT_SECONDS and now - self._seen <= BUSY_SILENT_SECONDS
        return None if alive else "gave no sign of life"
