"""How sure a measured share is: intervals from resampling photos.

The cluster bootstrap (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 8; Davison & Hinkley, Bootstrap
Methods and their Application, 1997, § 3.8): whole groups of answers – those to copies of one photo, or to a photo that
was asked several times – are drawn with replacement, because answers within a group are not independent. Percentile
intervals of the drawn shares.

Percentiles are too narrow next to 0 and 1 (no wrong answer in 20 would mean “0 to 0 %”), so that a share's interval is
at each end the wider of the percentile's and Wilson's (1927) for as many independent answers as there are groups.

What is drawn is photos: the interval says what other photos of the same classes, taken in the same way, would give.
Several shots of one swatch that are no near-duplicates count as several photos; intervals are too narrow then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.ranking.fitting.measure import Bools, Doubles
from shared.ranking.methods import Ints

#: Probability that the interval holds what it estimates.
LEVEL = 0.95
_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
#: Resamplings; an end of an interval is then good to about a tenth of the interval.
DRAWS = 2000
_SEED = 20_260
#: Groups drawn at a time, all draws together: 32 MB.
_BLOCK = 4_000_000

Interval = tuple[float, float]


@dataclass(frozen=True)
class PhotoBootstrap:
    """Resamplings of answers by the groups of their photos; the same groups give the same draws, to the last digit."""

    #: [q] group of each answer, any numbers.
    groups: Ints
    draws: int = DRAWS

    @cached_property
    def numbered(self) -> tuple[int, Ints]:
        """The number of groups, and [q] each answer's, 0…G-1."""
        found, of = np.unique(self.groups, return_inverse=True)
        return len(found), of.astype(np.int64)

    def sums(self, columns: Sequence[npt.NDArray[Any]]) -> Doubles:
        """[draws, m] sums of m columns ([q] each, bool or numbers) over the answers of each resampling."""
        count, of = self.numbered
        grouped = np.stack([np.bincount(of, weights=column, minlength=count) for column in columns], axis=1)
        return np.concatenate([times @ grouped for times in self.times()])

    def times(self) -> Iterator[Ints]:
        """[some draws, G] how often each group is drawn; all parts together are `draws` rows."""
        count, _ = self.numbered
        rng = np.random.default_rng(_SEED)
        step = max(1, _BLOCK // max(count, 1))
        for start in range(0, self.draws, step):
            size = min(step, self.draws - start)
            yield rng.multinomial(count, np.full(count, 1 / max(count, 1)), size=size)

    def share(self, hits: Bools, among: Bools | None = None) -> Interval:
        """Interval of the share of `hits` ([q]) among the answers `among` ([q]; None: all), 0…1; (0, 1) of none."""
        among = np.ones(len(hits), bool) if among is None else among
        if not among.any():
            return 0.0, 1.0
        drawn = self.sums([hits & among, among])
        some = drawn[:, 1] > 0
        low, high = percentiles(drawn[some, 0] / drawn[some, 1])
        least, most = wilson(float(hits[among].mean()), len(np.unique(self.groups[among])))
        return min(low, least), max(high, most)

    def difference(self, before: Bools, after: Bools) -> Interval:
        """Interval of share `after` - share `before` of the same answers ([q] each, at least one), -1…1.

        At each end the wider of the percentile's and Bonett & Price's (Comput. Stat. Data Anal. 56, 2012) for as many
        independent pairs as there are groups, because a few answers that agree do not prove that all would.
        """
        drawn = self.sums([after & ~before, before & ~after, np.ones(len(before), bool)])
        low, high = percentiles((drawn[:, 0] - drawn[:, 1]) / drawn[:, 2])
        count = self.numbered[0]
        gained = (float((after & ~before).mean()) * count + 1) / (count + 2)
        lost = (float((before & ~after).mean()) * count + 1) / (count + 2)
        half = _Z * ((gained + lost - (gained - lost) ** 2) / (count + 2)) ** 0.5
        return max(-1.0, min(low, gained - lost - half)), min(1.0, max(high, gained - lost + half))


def percentiles(values: Doubles) -> Interval:
    """The middle `LEVEL` of resampled values."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def wilson(share: float, count: int) -> Interval:
    """Wilson's score interval of a share of `count` independent answers (at least one)."""
    z = _Z
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)
