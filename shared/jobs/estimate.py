"""When a job will be done, with an interval: from the course that it has taken so far. Pure functions.

A job's cost is counted in worker-seconds, so that workers that come and go do not look like photos that got slower, and
apart for photos out of the cache and photos that had to be encoded. Recent steps count more (exponential smoothing; the
half-life is a share of the way so far). How far the estimate may be off is not assumed but tried on the job itself: the
same forecast, made at earlier moments of its course for the stretch since then, beside what that stretch really took
(rolling-origin evaluation: Tashman, “Out-of-sample tests of forecasting accuracy”, Int. J. of Forecasting 16, 2000).
The spread of these log errors, and of earlier nights while there are few, gives the interval. Jobs that share the
workers are reckoned as in processor sharing: each has its turns until it is done.

What nobody can foresee, a pause, a power cut, is not in it. `python -m scripts.lab.bench.nights` scores it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from shared.core.window import Window, after_open, open_seconds

#: Half-life of a step's weight, as a share of the time worked so far.
_HALF_LIFE = 0.25
#: Steps with encoded photos, and seconds of them, before anything is said.
_LEAST_STEPS, _LEAST_SECONDS = 4, 10.0
#: Standard deviation of the log error before the job has shown its own, and how many trials that counts as.
_FIRST_SPREAD, _FIRST_COUNTS = 0.25, 3.0
#: Log errors beyond this count as this.
_WORST = 1.0
#: How slowly, with changes between cached and encoded photos, their mean says more than the last of them.
_CHANGES = 0.5
#: Shares of the way so far at which the forecast is tried.
_ORIGINS = (0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85)
#: The interval on the early side, in standard deviations. A normal distribution would have 1.645 for 5 % and 95 %; ends
#: are further off more often, and with 2 the interval holds 9 of 10 (`scripts.lab.bench.nights`).
_Z = 2.0
#: Late is likelier than early: workers leave, cached photos end.
_LATE = 1.7
#: Seconds that the interval has at least on either side: a worker hands in a chunk at a time.
_LEAST_SLACK = 3.0
#: Workers beyond which nobody is told that they would do.
MOST_WORKERS = 1000
#: Moments of a course that are kept.
LONGEST = 160


class Moment(NamedTuple):
    #: Seconds since the epoch.
    at: float
    #: Photos with an outcome by then, and how many of these came out of the cache.
    done: int
    cached: int
    #: Workers' worth that the job has from then on: 1.0 is one worker's whole time; 0: it is paused, or none is there.
    workers: float
    #: Since the course began: seconds in which it had any, and worker-seconds.
    worked: float = 0.0
    work: float = 0.0


class Rival(NamedTuple):
    """A job that has turns with the same workers."""

    #: Photos to do.
    left: float
    #: `high`, `normal` or `low`.
    priority: str
    #: When it was moved to the front of its priority; 0: it was not.
    first: float = 0.0
    #: Whose it is: owners take turns, and the jobs of each.
    owner: str | None = None


class Hours(NamedTuple):
    """What else decides when a job is done: the hours in which it works, and when it should be done."""

    window: Window | None = None
    #: Seconds since the epoch.
    deadline: float | None = None
    #: At this moment it waits for its hours, or for a job that was moved to the front.
    closed: bool = False

    def end(self, now: float, seconds: float) -> float:
        """When it has worked for so many seconds from `now` on."""
        return after_open(self.window, now, seconds) if self.window else now + seconds

    def left(self, now: float) -> float | None:
        """Seconds for which it can work until its deadline."""
        if self.deadline is None:
            return None
        return open_seconds(self.window, now, self.deadline) if self.window else self.deadline - now


class Estimate(NamedTuple):
    #: Seconds since the epoch: the expected end, and between which it lies in 9 of 10 cases.
    done_at: float
    earliest: float
    latest: float
    #: Workers now, and the end if there were one more, as fast as these are on average.
    workers: int
    with_another: float
    #: With how many, as fast as these, it would be done by its deadline; None without one, or where no number helps.
    needed: int | None = None


class _Cost(NamedTuple):
    """Worker-seconds of an encoded and of a cached photo, and the share of cached ones to come."""

    new: float
    cached: float
    share: float
    #: Stretches of mostly cached and of mostly encoded photos so far, and photos in all of them.
    runs: int
    photos: int

    @property
    def each(self) -> float:
        return self.share * self.cached + (1 - self.share) * self.new

    def doubt(self, left: int) -> float:
        """Standard deviation of the log error that comes of whole folders being cached or not, as if by lot."""
        if self.runs < 3 or not self.each:
            return 0.0
        to_come = max(1.0, left * self.runs / self.photos)
        off = math.sqrt(self.share * (1 - self.share) * (1 / self.runs + 1 / to_come))
        return min(1.0, off * (self.new - self.cached) / self.each)


def share_of_turns(own: str, others: Sequence[str | Rival], first: float = 0.0, owner: str | None = None) -> float:
    """The share of photos that a job of this priority is given beside others, 0…1: as `priorities` of lua/common.lua.

    Of 20 turns, low jobs have 1 and normal ones 4 where higher ones wait; owners of jobs of one priority share alike,
    and so do the jobs of each (a job of nobody is its own owner), unless some were moved to the front: then the last of
    these has all.
    """
    rivals = [other if isinstance(other, Rival) else Rival(1, other) for other in others]
    waiting = Counter([own, *(rival.priority for rival in rivals)])
    turns = {"low": 1, "normal": 4, "high": 15}
    top = next(name for name in ("high", "normal", "low") if waiting[name])
    turns[top] = 20 - sum(count for name, count in turns.items() if name != top and waiting[name])
    front = max([first, *(rival.first for rival in rivals if rival.priority == own)])
    if front:
        return turns[own] / 20 if first == front else 0.0
    beside = [rival.owner for rival in rivals if rival.priority == own]
    owners = len({other for other in beside if other} - {owner}) + sum(not other for other in beside) + 1
    return turns[own] / 20 / owners / (1 + beside.count(owner) if owner else 1)


def estimate(
    course: Sequence[Moment],
    left: int,
    now: float,
    workers: int,
    own: str = "normal",
    rivals: Sequence[Rival] = (),
    hours: Hours | None = None,
    first: float = 0.0,
    owner: str | None = None,
) -> Estimate | None:
    """The end of a job with `left` photos to do, as seen at `now` (seconds since the epoch).

    `workers`: those that it has, or will have when its hours begin. `hours`: what they and its deadline make of it.
    `first`, `owner`: as of a rival.

    None where nothing honest can be said: no worker, too short a course, or only cached photos so far, which tell
    nothing of the time that an encoded one takes. The caller asks only for jobs that move and whose list is complete.
    """
    when = hours or Hours()
    if not workers or not course or not (course[-1].workers or when.closed):
        return None
    cost = _cost(course, left)
    if cost is None:
        return None
    me = Rival(left, own, first, owner)
    seconds = _seconds(cost.each, me, workers, rivals)
    another = _seconds(cost.each, me, workers + 1, rivals)
    spread = max(_spread(course), cost.doubt(left))
    slack = max(_LEAST_SLACK, (course[-1].at - course[0].at) / max(1, course[-1].done - course[0].done))
    earliest = min(seconds * math.exp(-_Z * spread), seconds - slack)
    latest = max(seconds * math.exp(_Z * _LATE * spread), seconds + slack)
    end, first, last, sooner = (when.end(now, max(0.0, each)) for each in (seconds, earliest, latest, another))
    return Estimate(end, first, last, workers, sooner, _needed(seconds * workers, when.left(now)))


def _needed(work: float, seconds: float | None) -> int | None:
    """Workers that do so many worker-seconds in so many seconds; None where there are none, or far too few."""
    if not seconds or seconds <= 0 or work / seconds > MOST_WORKERS:
        return None
    return max(1, math.ceil(work / seconds))


def onward(course: Sequence[Moment], now: float, done: int, cached: int, workers: float) -> list[Moment]:
    """The course with one more moment, and with fewer of the older ones where they are too many."""
    moments = list(course)
    if not moments:
        return [Moment(now, done, cached, workers)]
    last = moments[-1]
    passed = max(0.0, now - last.at)
    worked = last.worked + (passed if last.workers else 0.0)
    moments.append(Moment(now, done, cached, workers, worked, last.work + passed * last.workers))
    if len(moments) <= LONGEST:
        return moments
    gap = (now - moments[0].at) / (LONGEST // 2)
    kept = moments[:1]
    for moment in moments[1:-1]:
        if moment.at - kept[-1].at >= gap:
            kept.append(moment)
    return [*kept, moments[-1]]


def _cost(course: Sequence[Moment], left: int, sure: bool = True) -> _Cost | None:
    """Of the `left` photos to come. None where too little is known; for trials (not `sure`) one step is enough."""
    steps = [
        (b.worked - a.worked, b.work - a.work, b.done - a.done - (b.cached - a.cached), b.cached - a.cached)
        for a, b in pairwise(course)
        if b.work > a.work
    ]
    with_new = sum(1 for _, _, new, _ in steps if new > 0)
    worked = sum(seconds for seconds, *_ in steps)
    if not with_new or (sure and (with_new < _LEAST_STEPS or worked < _LEAST_SECONDS)):
        return None
    only_cached = [(work, cached) for _, work, new, cached in steps if new <= 0 and cached > 0]
    per_cached = sum(work for work, _ in only_cached) / sum(n for _, n in only_cached) if only_cached else 0.0
    age = work_new = news = 0.0
    for seconds, work, new, cached in reversed(steps):
        recent = 0.5 ** ((age + seconds / 2) / (_HALF_LIFE * worked))
        # A step that brought nothing counts as slowness: something was tried all the while.
        if new > 0 or not cached:
            work_new += recent * max(0.0, work - cached * per_cached)
            news += recent * new
        age += seconds
    if not news:
        return None
    per_new = work_new / news
    brought = [(new, cached) for _, _, new, cached in steps]
    share, runs = _share(brought, left)
    return _Cost(per_new, min(per_cached, per_new), share, runs, sum(map(sum, brought)))


def _share(steps: Sequence[tuple[int, int]], left: int) -> tuple[float, int]:
    """The share of cached photos among those to come, from (encoded, cached) of each step; and runs of either kind.

    One change from cached to encoded photos, as after a run that was broken off, is for good: the photos since then
    tell. More changes are whole folders of either kind, and more of both will come once the present one is over: all
    photos tell.
    """
    photos = [step for step in steps if step != (0, 0)]
    kinds = [cached > new for new, cached in photos]
    changes = sum(a != b for a, b in pairwise(kinds))
    same = next((n for n, kind in enumerate(reversed(kinds)) if kind != kinds[-1]), len(kinds))

    def cached_of(some: Sequence[tuple[int, int]]) -> float:
        return sum(cached for _, cached in some) / sum(new + cached for new, cached in some)

    folder = sum(new + cached for new, cached in photos) / (changes + 1)
    mean = max(0, changes - 1) / (max(0, changes - 1) + _CHANGES) * (1 - min(1.0, folder / 2 / max(1, left)))
    return mean * cached_of(photos) + (1 - mean) * cached_of(photos[-same:]), changes + 1


def _seconds(each: float, own: Rival, workers: int, rivals: Sequence[Rival]) -> float:
    """Until the job is done, all jobs' photos costing the same: stage by stage, a stage ends where a job does."""
    waiting = [rival for rival in rivals if rival.left > 0]
    mine, seconds = float(own.left), 0.0
    while mine > 0:
        share = share_of_turns(own.priority, waiting, own.first, own.owner)
        shares = [
            share_of_turns(one.priority, [own, *waiting[:i], *waiting[i + 1 :]], one.first, one.owner)
            for i, one in enumerate(waiting)
        ]
        ends = [(mine, share), *((one.left, part) for one, part in zip(waiting, shares, strict=True))]
        photos = min(left / part for left, part in ends if part)
        seconds += photos * each / workers
        mine = mine - photos * share if not share or mine / share > photos else 0.0
        after = [one._replace(left=one.left - photos * part) for one, part in zip(waiting, shares, strict=True)]
        waiting = [one for one in after if one.left > 1e-6]
    return seconds


def _spread(course: Sequence[Moment]) -> float:
    """Standard deviation of the log error, from forecasts that would have been made earlier in this course."""
    last, first = course[-1], course[0]
    errors = []
    for origin in _ORIGINS:
        goal = first.done + origin * (last.done - first.done)
        index = next((i for i, moment in enumerate(course) if moment.done >= goal), 0)
        then, took = course[: index + 1], last.worked - course[index].worked
        had = next((moment.workers for moment in reversed(then) if moment.workers), 0.0)
        done = last.done - course[index].done
        cost = _cost(then, done, sure=False)
        if cost is None or not took or not had or done <= 0 or not cost.each:
            continue
        errors.append((origin, math.log(took / (done * cost.each / had))))
    # The later trials had more to go by, as the forecast has now.
    squares = sum(origin * min(abs(error), _WORST) ** 2 for origin, error in errors)
    weight = sum(origin for origin, _ in errors)
    return math.sqrt((_FIRST_COUNTS * _FIRST_SPREAD**2 + squares) / (_FIRST_COUNTS + weight))
