"""Wall and CPU time, of this process and of others, and what the rest of the machine was doing meanwhile."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from scripts.lab.bench.results import Rates


@dataclass
class Reading:
    """What one piece of work took, in seconds."""

    photos: int = 0
    wall: float = 0.0
    #: User and system time of all processes that did it.
    cpu: float = 0.0

    @property
    def per_second(self) -> float:
        return self.photos / self.wall if self.wall else 0.0

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds a photo."""
        return 1000 * self.cpu / self.photos if self.photos else 0.0


@dataclass
class Series:
    """The same work again and again."""

    readings: list[Reading] = field(default_factory=list)

    @property
    def best(self) -> Reading:
        return max(self.readings, key=lambda reading: reading.per_second)

    @property
    def cpu_ms(self) -> float:
        """The median CPU milliseconds a photo."""
        return statistics.median(reading.cpu_ms for reading in self.readings)

    @property
    def per_second(self) -> float:
        """The median rate."""
        return statistics.median(reading.per_second for reading in self.readings)

    def rates(self) -> Rates:
        return Rates(
            per_second=round(self.per_second, 2),
            best_per_second=round(self.best.per_second, 2),
            cpu_ms_a_photo=round(self.cpu_ms, 2),
            rounds=[round(reading.per_second, 2) for reading in self.readings],
        )


def in_turns(works: Mapping[str, Callable[[int], Reading]], rounds: int) -> dict[str, Series]:
    """Every work once a round, every second round backwards, so that a slow spell of the machine hits all of them.

    A work gets the number of the round.
    """
    series = {name: Series() for name in works}
    for number in range(rounds):
        names = list(works)[:: -1 if number % 2 else 1]
        for name in names:
            series[name].readings.append(works[name](number))
    return series


def ratio(above: Series, below: Series) -> float:
    """The median over the rounds of how many times faster `above` was in the same round."""
    pairs = zip(above.readings, below.readings, strict=True)
    return statistics.median(a.per_second / b.per_second for a, b in pairs)


def tree(pid: int) -> list[psutil.Process]:
    """A process and its living descendants."""
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time that these processes and their descendants took so far, seconds."""
    total = 0.0
    for process in {process.pid: process for pid in pids for process in tree(pid)}.values():
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


@contextmanager
def reading(photos: int, *pids: int) -> Iterator[Reading]:
    """Measures the body of a `with`; CPU time is that of `pids` and their descendants, without any that of this process
    alone."""

    def spent() -> float:
        return cpu_seconds(pids) if pids else time.process_time()

    taken = Reading(photos)
    cpu, began = spent(), time.perf_counter()
    yield taken
    taken.wall = time.perf_counter() - began
    taken.cpu = spent() - cpu


class Neighbours:
    """How much of the machine others took since this was made: figures with a high share are worth little."""

    def __init__(self) -> None:
        self._began = self._now()

    def share(self) -> float:
        """0…1 of all cores."""
        wall, busy, ours = (now - then for now, then in zip(self._now(), self._began, strict=True))
        return max(0.0, min(1.0, (busy - ours) / max(1e-9, wall * (os.cpu_count() or 1))))

    @staticmethod
    def _now() -> tuple[float, float, float]:
        times = psutil.cpu_times()
        busy = sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)
        own = os.times()
        ours = own.user + own.system + own.children_user + own.children_system
        living = cpu_seconds([os.getpid()]) - own.user - own.system
        return time.monotonic(), busy, ours + living
