"""How well the estimate of a job's end keeps its word: `python -m scripts.lab.bench.nights [--nights 30] [--seed 1]`.

Simulated nights, each one job, go through the functions that the dispatcher uses (`shared.jobs.estimate`), as often as
it would keep a moment of them. A night has 3,000 to 60,000 photos and 1 to 4 workers, some of them slow, that may leave
or join; the machine's load drifts; photos out of the cache are none, spread evenly, the first ones, or whole folders;
some nights are paused for 5 to 40 minutes. Estimates from 10 % of the photos on are scored against the true end, an
unforeseen pause or worker included: `held`, the share whose interval holds it, `error`, the median of |said - true| as
a share of the time that was left, and `width`, the median width of the interval as a share of it, too. The nights are
made up here; real ones are scored by the dispatcher's log line `estimate_scored`.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.core.documents import Document
from shared.jobs.estimate import Estimate, Moment, estimate, onward

#: Seconds of a simulated step; photos of a folder.
_STEP, _FOLDER = 10.0, 400
#: A photo out of the cache beside an encoded one.
_CACHED_COST = 0.02
#: Share of the photos from which on estimates are scored.
_FROM = 0.1


@dataclass
class Night:
    """What is decided of a night before it begins."""

    total: int
    #: Photos per second of each worker.
    speeds: list[float]
    cached: Callable[[int], bool]
    #: Photos done → what happens then: `join`, `leave` or `pause`.
    events: dict[int, str] = field(default_factory=dict)
    #: Standard deviation of the drifting load, as a share of the speed.
    load: float = 0.1


class NightsReport(Document):
    nights: int
    estimates: int
    held: float
    #: Of the nights, the share of those in each of which ≥ 90 % of the estimates held.
    nights_held: float
    error: float
    width: float
    #: The same of the nights without pause, leaving or joining.
    quiet_held: float | None
    quiet_error: float | None


def made_up(chance: random.Random) -> Night:
    """A night by lot."""
    total = int(3000 * 20 ** chance.random())
    usual = chance.uniform(0.8, 3.0)
    speeds = [usual * (chance.uniform(0.25, 0.6) if chance.random() < 0.2 else 1) for _ in range(chance.randint(1, 4))]
    share = chance.uniform(0.1, 0.8)
    folders = [chance.random() < share for _ in range(total // _FOLDER + 1)]
    kinds: list[Callable[[int], bool]] = [
        lambda index: False,
        lambda index: chance.random() < share,
        lambda index: index < share * total / 2,
        lambda index: folders[index // _FOLDER],
    ]
    night = Night(total, speeds, chance.choice(kinds), load=chance.uniform(0.03, 0.2))
    for kind, likely in (("join", 0.3), ("leave", 0.2), ("pause", 0.3)):
        if chance.random() < likely:
            night.events[chance.randrange(total)] = kind
    return night


def told(night: Night, chance: random.Random) -> tuple[list[tuple[float, Estimate]], float]:
    """The estimates of one night from `_FROM` on, each with its time, and the true end; seconds from its beginning."""
    now, done, cached, load, owed = 0.0, 0, 0, 0.0, 0.0
    speeds, said = list(night.speeds), []
    course = [Moment(now, 0, 0, len(speeds))]
    events = sorted(night.events.items())
    while done < night.total:
        if events and done >= events[0][0]:
            kind = events.pop(0)[1]
            if kind == "join":
                speeds.append(speeds[0] * chance.uniform(0.4, 1.1))
            elif kind == "leave" and len(speeds) > 1:
                speeds.pop(chance.randrange(len(speeds)))
            elif kind == "pause":
                course = onward(course, now, done, cached, 0.0)
                now += chance.uniform(300, 2400)
            course = onward(course, now, done, cached, len(speeds))
        # The load drifts back to its mean within some ten minutes.
        load += -load * _STEP / 600 + chance.gauss(0, night.load * (2 * _STEP / 600) ** 0.5)
        owed += _STEP * sum(speeds) * max(0.2, 1 + load)
        now += _STEP
        while owed > 0 and done < night.total:
            known = night.cached(done)
            owed -= _CACHED_COST if known else 1.0
            cached += known
            done += 1
        course = onward(course, now, done, cached, len(speeds))
        if done >= _FROM * night.total and done < night.total:
            found = estimate(course, night.total - done, now, len(speeds))
            if found:
                said.append((now, found))
    return said, now


def measure(nights: int = 30, seed: int = 1) -> NightsReport:
    """Each night counts alike, however long it is."""
    chance = random.Random(seed)
    held, errors, widths, quiet, count = [], [], [], [], 0
    for _ in range(nights):
        night = made_up(chance)
        said, end = told(night, chance)
        # As many of each night, so that a long one does not outweigh the others.
        said = said[:: max(1, len(said) // 100)]
        if not said:
            continue
        count += len(said)
        held.append(statistics.fmean(one.earliest <= end <= one.latest for _, one in said))
        errors.append(statistics.median(abs(one.done_at - end) / max(_STEP, end - at) for at, one in said))
        widths.append(statistics.median((one.latest - one.earliest) / max(_STEP, end - at) for at, one in said))
        if not night.events:
            quiet.append((held[-1], errors[-1]))
    return NightsReport(
        nights=nights,
        estimates=count,
        held=round(statistics.fmean(held), 3),
        nights_held=round(statistics.fmean(share >= 0.9 for share in held), 3),
        error=round(statistics.median(errors), 3),
        width=round(statistics.median(widths), 3),
        quiet_held=round(statistics.fmean(share for share, _ in quiet), 3) if quiet else None,
        quiet_error=round(statistics.median(error for _, error in quiet), 3) if quiet else None,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    print(json.dumps(measure(args.nights, args.seed).to_json(), indent=2))


if __name__ == "__main__":
    main()
