"""Decides when a worker must be restarted: it does not start, its heartbeat stopped, or it makes no progress although
there is work.

Celery workers are known to stay alive without consuming after a broken connection (celery#8030, #8384, #10205), and a
photo may hang a decoder in C code, out of reach of exceptions. A process that is merely starved of CPU is not hung: CPU
time that it uses counts as activity.
"""

from __future__ import annotations

from shared.jobs.heartbeat import Heartbeat, WorkerState

#: Seconds without heartbeat and CPU time after which a running worker counts as hung; heartbeats are sent every 2
#: seconds and valid for 15.
SILENT_SECONDS = 15.0
#: The same for a worker that uses CPU time: the machine is busy, or the process spins.
BUSY_SILENT_SECONDS = 120.0
#: Seconds without CPU time allowed between a worker's start and its engine's first heartbeat: imports from a cold disk
#: take minutes while other workers start. Doubled after each failed start.
START_SECONDS = 180.0
#: Multiple of that allowance after which a start that does use CPU time is aborted.
MAX_START_FACTOR = 5
MAX_DOUBLINGS = 5
#: Seconds of CPU time that count as activity: more than an idle parent process uses in `SILENT_SECONDS`.
CPU_ACTIVITY_SECONDS = 0.5


class HeartbeatMonitor:
    """Tracks one worker process. Times are seconds of one monotonic clock.

    `failed_starts`: consecutive predecessors that were killed before their first heartbeat.
    """

    def __init__(self, now: float, stall_timeout: float, failed_starts: int = 0) -> None:
        self._started_at = now
        self._heartbeat_at = now
        self._cpu_at = now
        self._progress_at = now
        self._cpu = 0.0
        self._photos: int | None = None
        self._stall_timeout = stall_timeout
        self.start_allowance = START_SECONDS * 2 ** min(failed_starts, MAX_DOUBLINGS)
        #: Last reported state; None before the first heartbeat.
        self.state: str | None = None

    @property
    def starting(self) -> bool:
        """Whether the engine's process has not sent a heartbeat yet."""
        return self.state in (None, WorkerState.STARTING)

    def waited(self, now: float) -> float:
        """Seconds since the current start."""
        return now - self._started_at

    def pause(self, now: float) -> None:
        """Restarts all timeouts: the ledger was unreachable, or this process was suspended."""
        self._heartbeat_at = self._progress_at = self._cpu_at = now

    def check(self, now: float, heartbeat: Heartbeat | None, has_work: bool, cpu_seconds: float = 0.0) -> str | None:
        """Records the current heartbeat; returns why the worker should be restarted, or None.

        `has_work`: the ledger has work for this worker. `cpu_seconds`: CPU time used by its processes so far; only
        differences count.
        """
        self._record_cpu(now, cpu_seconds)
        if heartbeat is not None:
            self._record(now, heartbeat, has_work)
        if self.starting:
            return self._start_overdue(now)
        if heartbeat is None:
            return self._silent(now)
        return "made no progress" if now - self._progress_at > self._stall_timeout else None

    def _record_cpu(self, now: float, cpu_seconds: float) -> None:
        if cpu_seconds < self._cpu:
            # A child has ended, and its CPU time no longer counts.
            self._cpu = cpu_seconds
        elif cpu_seconds - self._cpu >= CPU_ACTIVITY_SECONDS:
            self._cpu, self._cpu_at = cpu_seconds, now

    def _record(self, now: float, heartbeat: Heartbeat, has_work: bool) -> None:
        if heartbeat.state == WorkerState.STARTING and not self.starting:
            # The engine's process has ended, and a new one is starting.
            self._started_at = self._cpu_at = now
        self.state = heartbeat.state
        self._heartbeat_at = now
        photos = heartbeat.photos
        idle = self.state == WorkerState.READY and not has_work
        if photos != self._photos or idle or not heartbeat.works:
            self._photos, self._progress_at = photos, now

    def _start_overdue(self, now: float) -> str | None:
        still = now - max(self._started_at, self._cpu_at)
        if still <= self.start_allowance and now - self._started_at <= MAX_START_FACTOR * self.start_allowance:
            return None
        return f"did not start within {now - self._started_at:.0f} s"

    def _silent(self, now: float) -> str | None:
        alive = (
            now - max(self._heartbeat_at, self._cpu_at) <= SILENT_SECONDS
            and now - self._heartbeat_at <= BUSY_SILENT_SECONDS
        )
        return None if alive else "gave no sign of life"
