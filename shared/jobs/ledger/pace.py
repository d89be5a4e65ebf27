"""How fast a job moves and when it will be done, from samples of its counters.

A photo out of the embedding cache costs a hundredth of a new one, so the two are measured apart: the time left is what
the remaining photos cost at the mix of the last seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

#: Seconds over which speed is measured, back from now.
WINDOW_SECONDS = 30.0
#: Samples that are used however old they are: a slow job commits every minute.
LEAST_SAMPLES = 3
#: Seconds over which the share of cached photos is taken.
MIX_SECONDS = 10.0
#: Seconds without a sample after which nothing is said of the time left; for slow jobs, this many usual intervals.
STALE_SECONDS = 10.0
STALE_INTERVALS = 4
#: Seconds that the samples must span.
SHORTEST_SPAN = 0.5


class Sample(NamedTuple):
    #: Seconds since the epoch.
    at: float
    #: Photos with an outcome by then, and how many of these came out of the cache.
    done: int
    cached: int


class Pace(NamedTuple):
    #: Photos per second.
    rate: float | None = None
    #: Seconds left.
    eta: float | None = None


def parse(entry: bytes) -> Sample:
    """One entry of a job's `pace` list: `seconds done cached` (written by commit.lua)."""
    at, done, *cached = entry.split()
    return Sample(float(at), int(done), int(cached[0]) if cached else 0)


def measure(samples: Sequence[Sample], now: float, left: int) -> Pace:
    """Speed over the last half minute before `now`, and the seconds that `left` photos will take.

    Standing still counts: the speed falls from the moment on at which nothing is committed any more.
    """
    recent = [s for s in samples if s.at >= now - WINDOW_SECONDS]
    if len(recent) < LEAST_SAMPLES:
        recent = list(samples[-LEAST_SAMPLES:])
    if len(recent) < 2 or recent[-1].at - recent[0].at < SHORTEST_SPAN:
        return Pace()
    span = recent[-1].at - recent[0].at
    usual = span / (len(recent) - 1)
    idle = max(0.0, now - recent[-1].at)
    rate = max(0.0, (recent[-1].done - recent[0].done) / (span + max(0.0, idle - usual)))
    if idle > max(STALE_SECONDS, STALE_INTERVALS * usual):
        return Pace(rate=rate or None)
    each = _seconds_per_photo(recent)
    return Pace(rate=rate or None, eta=None if each is None else left * each)


def _seconds_per_photo(recent: Sequence[Sample]) -> float | None:
    steps = [(b.at - a.at, b.cached - a.cached, b.done - a.done - (b.cached - a.cached)) for a, b in pairwise(recent)]
    only_cached = [(seconds, cached) for seconds, cached, new in steps if cached > 0 and new <= 0]
    with_new = [step for step in steps if step[2] > 0]
    per_cached = sum(s for s, _ in only_cached) / sum(c for _, c in only_cached) if only_cached else 0.0
    if not with_new:
        return per_cached or None
    seconds = sum(step[0] for step in with_new)
    cached, new = (sum(step[which] for step in with_new) for which in (1, 2))
    per_new = max(0.0, seconds - cached * per_cached) / new
    last = recent[-1].at
    mix = [s for s in recent if s.at >= last - MIX_SECONDS]
    first = mix[0] if len(mix) > 1 else recent[-2]
    done = recent[-1].done - first.done
    share = (recent[-1].cached - first.cached) / done if done > 0 else 0.0
    return share * per_cached + (1 - share) * per_new
