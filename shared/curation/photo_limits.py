"""Learns from a bank's photos what is normal for this kind of cloth: the limits beyond which a new photo is poor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from shared.bank.photo_gate import RULES, VERSION, PhotoLimits

#: Photos below which the default limits are kept.
LEAST = 40
#: Share of the bank's photos that may lie beyond what is normal: a bank has bad photos, too.
_TAIL = 0.02
#: How far a limit lies behind the normal ones: shares of the distance from the median to the end of normal, on a
#: logarithmic scale. Chosen on rendered cloths and on leather27, see `scripts.lab.bench.photo_gate`.
_SHARES = (0.4, 1.0)
#: Cloths differ more in brightness than in all else: a limit far behind the darkest of them would find nothing. And
#: what has hardly any contrast is no cloth, however smooth the bank's are.
_OWN_SHARES = {"light": (0.2, 1.0), "texture": (0.4, 0.5)}
#: Added before the logarithm: differences of measures near nothing mean nothing.
_OFFSET = {"blown": 0.02, "clipped": 0.05, "sharp": 0.01, "ink": 20.0, "print": 20.0, "light": 10.0}


def learn(photos: Iterable[Mapping[str, float] | None]) -> PhotoLimits | None:
    """Limits from the measures of a bank's photos; None where too few have any."""
    rows = [row for row in photos if row and "side" not in row]
    if len(rows) < LEAST:
        return None
    limits: dict[str, tuple[float, float]] = {}
    for name, rule in RULES.items():
        values = np.array([row[name] for row in rows if name in row])
        if len(values) < LEAST:
            continue
        sign, offset = (1 if rule.above else -1), _OFFSET.get(name, 0.2)
        bad = sign * np.log(values + offset)
        usual, end = np.quantile(bad, [0.5, 1 - _TAIL])
        shares = _OWN_SHARES.get(name, _SHARES)
        warn, severe = (float(np.exp(sign * (end + share * (end - usual)))) - offset for share in shares)
        # What is normal for no cloth is never learnt to be, and nothing is warned of that is normal for most.
        bound = max if rule.above else min
        warn = bound(warn, rule.strictest)
        severe = bound(severe, rule.severe)
        warn, severe = rule.kept((warn, bound(severe, warn)))
        limits[name] = (round(warn, 4), round(severe, 4))
    return PhotoLimits(version=VERSION, photos=len(rows), limits=limits)
