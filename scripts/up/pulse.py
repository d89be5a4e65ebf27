"""When a worker has to be restarted from outside: its heartbeat stopped, or it does nothing although there is work.

Celery workers are known to live on without consuming after a broken connection (celery#8030, #8384, #10205), and a
photo may hang a decoder in C code where no exception reaches it.
"""

from __future__ import annotations

from typing import Any

#: Seconds without a valid heartbeat after which a worker is taken for hung; each is valid for 15, and comes every 2.
SILENT_SECONDS = 15.0


class Pulse:
    """One worker's heartbeats over time. Times are seconds of one monotonic clock."""

    def __init__(self, now: float, stalled_seconds: float) -> None:
        self._seen = now
        self._moved = now
        self._photos: object = None
        self._stalled = stalled_seconds
        #: The last state it told: loading, ready, busy, error; None before the first heartbeat.
        self.state: str | None = None

    def pause(self, now: float) -> None:
        """Nothing can be told, as the ledger did not answer: count from here."""
        self._seen = self._moved = now

    def look(self, now: float, beat: dict[str, Any] | None, work_waits: bool) -> str | None:
        """Take in the present heartbeat; returns why the worker should be restarted, or None.

        `work_waits`: the ledger has work that this worker may take.
        """
        if beat is None:
            return "gave no sign of life" if now - self._seen > SILENT_SECONDS else None
        self._seen = now
        self.state = beat.get("state")
        photos = beat.get("photos")
        idle = self.state == "ready" and not work_waits
        if photos != self._photos or idle or self.state not in ("ready", "busy"):
            self._photos, self._moved = photos, now
        return "made no progress" if now - self._moved > self._stalled else None
