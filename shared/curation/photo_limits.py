"""Learns from a bank's photos what is normal for this kind of cloth: the limits beyond which a new photo is poor.

Every measure's limit lies some way behind what is normal. How far behind is decided for all of them at once, by the
share of good photos that may be warned of, whatever the reason (`FALSE_ALARMS`): each photo is compared with limits
that were learnt without it, and the limits are moved until few enough of these photos lie beyond any of them. That is
cross-conformal prediction (Vovk, arXiv:1208.0806), whose score is how far the limits had to be moved for the photo.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.bank.photo_gate import RULES, VERSION, PhotoLimits, Rule

#: Photos below which the default limits are kept.
LEAST = 40
#: Share of good photos of the bank's kind that may be warned of.
FALSE_ALARMS = 0.02
#: Share of the bank's photos that may lie beyond what is normal in one measure: a bank has bad photos, too.
_TAIL = 0.02
#: How far a limit of warning lies behind the normal ones: shares of the distance from the median to the end of normal,
#: on a logarithmic scale. Those of all measures are moved by the same; these say which give way first. Chosen on
#: rendered cloths and on leather27, see `scripts.lab.bench.photo_gate`.
_SHARE = 0.4
_OWN_SHARES = {"light": 0.05, "fine": 0.1, "inner": 0.8}
#: How much further a limit of a severe defect lies, and at least from the end of normal.
_SEVERE, _SEVERE_FROM = 0.6, 1.0
#: Not moved: what has hardly any contrast is no cloth, however smooth the bank's are.
_FIXED = {"texture": (0.4, 0.5)}
#: How much closer to what is normal the limits may move where a bank's photos are all alike, and how far away where
#: there are few: limits that give way to everything would find nothing.
_CLOSER, _FURTHER = -0.3, 0.25
_FOLDS = 5
#: Added before the logarithm: differences of measures near nothing mean nothing.
_OFFSET = {"blown": 0.02, "clipped": 0.05, "fine": 0.01, "ink": 20.0, "print": 20.0, "light": 10.0}


def learn(photos: Iterable[Mapping[str, float] | None]) -> PhotoLimits | None:
    """Limits from the measures of a bank's photos; None where too few have any."""
    # Eight bytes of each measure of a photo: a large bank's dictionaries would fill the memory.
    columns = {name: array("d") for name in RULES}
    present = dict.fromkeys(RULES, 0)
    count = 0
    for row in photos:
        if row and "side" not in row:
            count += 1
            for name, column in columns.items():
                column.append(row.get(name, math.nan))
                present[name] += name in row
    if count < LEAST:
        return None
    found = [_Measured.of(name, columns.pop(name)) for name in RULES if present[name] >= LEAST]
    further = _further(found, count)
    limits = {measured.name: measured.limits(further) for measured in found}
    return PhotoLimits(version=VERSION, photos=count, limits=limits)


@dataclass(frozen=True)
class _Measured:
    """One measure of a bank's photos, on a logarithmic scale on which more is worse."""

    name: str
    rule: Rule
    #: [n] NaN where a photo does not have it.
    bad: NDArray[np.float64]

    @classmethod
    def of(cls, name: str, values: array[float]) -> _Measured:
        return cls(name, RULES[name], cls._scaled(name, np.frombuffer(values)))

    @staticmethod
    def _scaled(name: str, values: Any) -> Any:
        sign = 1 if RULES[name].above else -1
        return sign * np.log(np.maximum(values + _OFFSET.get(name, 0.2), 1e-6))

    @property
    def share(self) -> float:
        return _OWN_SHARES.get(self.name, _SHARE)

    def normal(self, photos: NDArray[np.bool_]) -> tuple[float, float]:
        """Median and end of normal of some photos."""
        usual, end = np.nanquantile(self.bad[photos], [0.5, 1 - _TAIL])
        return float(usual), float(end)

    def needed(self, photos: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.float64]:
        """How far limits that `others` teach must be moved so that each of the photos keeps this one; -inf: no move
        makes them warn of it, inf: none makes them pass it."""
        usual, end = self.normal(others)
        bad = self.bad[photos]
        found = (bad - end) / max(end - usual, 1e-9) - self.share
        # Comparisons with NaN are false: a photo without this measure keeps every limit.
        found = np.where(bad > self._scaled(self.name, self.rule.strictest), found, -np.inf)
        if self.rule.mildest is not None:
            found = np.where(bad > self._scaled(self.name, self.rule.mildest[0]), np.inf, found)
        return np.asarray(found)

    def limits(self, further: float) -> tuple[float, float]:
        """Of warning and of a severe defect, moved by so much."""
        usual, end = self.normal(np.ones(len(self.bad), bool))
        share = self.share + further
        shares = _FIXED.get(self.name, (share, max(share + _SEVERE, _SEVERE_FROM)))
        rule, sign = self.rule, 1 if self.rule.above else -1
        warn, severe = (
            float(np.exp(sign * (end + share * (end - usual)))) - _OFFSET.get(self.name, 0.2) for share in shares
        )
        # What is normal for no cloth is never learnt to be, and nothing is warned of that is normal for most.
        bound = max if rule.above else min
        warn = bound(warn, rule.strictest)
        severe = bound(severe, rule.severe)
        warn, severe = rule.kept((warn, bound(severe, warn)))
        return round(warn, 4), round(severe, 4)


def _further(found: list[_Measured], count: int) -> float:
    """How far the limits are moved so that at most `FALSE_ALARMS` of further photos lie beyond any of them.

    Photos that no limit can let pass are bad ones, and no false alarms. Of fewer than 99 photos one may lie beyond the
    limits, which is a little more than the share.
    """
    needed = np.full(count, -np.inf)
    # A class's samples lie beside each other: dealt out in turn, each fold has some of every class.
    fold = np.arange(count) % _FOLDS
    for measured in found:
        for part in range(_FOLDS) if measured.name not in _FIXED else ():
            held = fold == part
            needed[held] = np.maximum(needed[held], measured.needed(held, ~held))
    good = np.sort(needed[needed < np.inf])
    if not len(good):
        return 0.0
    place = max(0, min(math.ceil((len(good) + 1) * (1 - FALSE_ALARMS)), len(good) - 1) - 1)
    return min(max(float(good[place]), _CLOSER), _FURTHER)
