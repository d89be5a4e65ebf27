"""Keeps a worker below a share of its cores at certain hours, and below a rate of bytes from folders: it begins photos
later. What is begun is done at full speed, so both hold on average over some seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psutil

from shared.core.day_limit import DayLimit

#: Seconds between two looks while it waits, and between two looks for new processes.
_TICK, _COUNT_INTERVAL = 0.2, 5.0
#: Seconds that a wait has at least.
_LEAST = 0.001
#: Seconds' worth that may be saved up while little is done.
_BURST = 1.0


class ProcessorTime:
    """Processor seconds that this process and those it has started have used so far."""

    def __init__(self) -> None:
        self._own = psutil.Process()
        self._children: list[psutil.Process] = []
        self._counted = -_COUNT_INTERVAL

    def __call__(self) -> float:
        if time.monotonic() - self._counted >= _COUNT_INTERVAL:
            self._counted, self._children = time.monotonic(), self._own.children(recursive=True)
        total = 0.0
        for process in (self._own, *self._children):
            try:
                total += sum(process.cpu_times()[:4])
            except psutil.Error:
                # It has ended, and counts with its parent from then on.
                self._counted = -_COUNT_INTERVAL
        return total


class Bucket:
    """So much a second: what is taken too much is waited for afterwards."""

    def __init__(self, now: float) -> None:
        self._balance, self._at = 0.0, now

    def fill(self, now: float, rate: float) -> None:
        """`rate`: units per second since the last time."""
        self._balance = min(_BURST * rate, self._balance + rate * (now - self._at))
        self._at = now

    def take(self, amount: float) -> None:
        self._balance -= amount

    def seconds(self, rate: float) -> float:
        """How long to wait until nothing is owed."""
        return max(0.0, -self._balance / rate)


class Throttle:
    """Of one worker; used by its loaders' threads."""

    def __init__(
        self,
        day: DayLimit | None = None,
        cores: float = 1.0,
        bytes_per_second: float = 0.0,
        used: Callable[[], float] | None = None,
    ) -> None:
        """`day`: a share of `cores`; None: no limit. `bytes_per_second`: 0: no limit. `used`: see `ProcessorTime`."""
        self._day, self._cores, self._rate = day, cores, bytes_per_second
        self._used = used or ProcessorTime()
        self._lock = threading.Lock()
        now = time.monotonic()
        self._read, self._work = Bucket(now), Bucket(now)
        #: At the last look; None while there is no limit.
        self._worked: float | None = None

    def before_read(self, size: int, stops: Callable[[], bool], progressed: Callable[[], None]) -> None:
        """Waits until a file of so many bytes may be read. `stops`: it is not waited any more; `progressed` is called
        all the while: waiting here is no hanging."""
        if self._rate:
            self._wait(self._until_read, stops, progressed)
            with self._lock:
                self._read.take(size)

    def before_work(self, stops: Callable[[], bool], progressed: Callable[[], None]) -> None:
        """Waits until more photos may be begun; as `before_read`."""
        if self._day is not None:
            self._wait(self._until_work, stops, progressed)

    def _wait(self, left: Callable[[], float], stops: Callable[[], bool], progressed: Callable[[], None]) -> None:
        while (seconds := left()) > 0 and not stops():
            progressed()
            time.sleep(min(_TICK, max(_LEAST, seconds)))

    def _until_read(self) -> float:
        with self._lock:
            self._read.fill(time.monotonic(), self._rate)
            return self._read.seconds(self._rate)

    def _until_work(self) -> float:
        assert self._day is not None
        share = self._day.at(time.time())
        with self._lock:
            if share >= 1.0:
                self._worked = None
                return 0.0
            worked, rate = self._used(), share * self._cores
            if self._worked is None:
                self._work = Bucket(time.monotonic())
            else:
                self._work.fill(time.monotonic(), rate)
                self._work.take(max(0.0, worked - self._worked))
            self._worked = worked
            return self._work.seconds(rate)
