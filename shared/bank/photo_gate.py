"""Which photos are too poor to be trusted: the limits that a bank's own photos set, or else the default ones.

A photo's measures (`shared.photos.picture_measures`) say nothing by themselves: velvet is darker than white lace that
is taken badly. So a bank's version holds limits that its own photos keep (`shared.curation.photo_limits`). No numpy
here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import Field

from shared.core.documents import Document

#: What may be wrong with a photo.
Code = Literal["blurred", "overexposed", "dark", "glare", "far", "several", "no_fabric", "tiny"]
CODES: tuple[Code, ...] = get_args(Code)
#: Raised when a measure changes its meaning: limits that were learnt before then give way to the default ones.
VERSION = 1


@dataclass(frozen=True, slots=True)
class Rule:
    """A defect shows in one measure, beyond a limit."""

    code: Code
    #: Too much of it is bad, or too little.
    above: bool
    #: Limits of warning and of a severe defect, for photos of unknown cloth.
    warn: float
    severe: float
    #: Learnt limits warn at most from here on: what is beyond it is normal for no cloth.
    strictest: float
    #: Learnt limits of warning and of a severe defect go no further than these: what is beyond them is a defect on any
    #: cloth, even where a bank's own photos have it.
    mildest: tuple[float, float] | None = None
    #: Where photos with this defect show others, too, those are not told.
    hides: tuple[Code, ...] = ()

    def beyond(self, value: float, limit: float) -> bool:
        """Whether a value is on the bad side of a limit."""
        return value > limit if self.above else value < limit

    def kept(self, limits: tuple[float, float]) -> tuple[float, float]:
        """Limits (warning, severe) that go no further than the mildest."""
        if self.mildest is None:
            return limits
        bound = min if self.above else max
        warn, severe = (bound(limit, last) for limit, last in zip(limits, self.mildest, strict=True))
        return warn, severe


#: What cannot be seen in a photo that is too bright or too dark.
_UNSEEN: tuple[Code, ...] = ("far", "several", "blurred", "no_fabric")
#: Measure → rule, in the order in which defects are told. First what says why nothing else can be seen: a photo that is
#: nearly black or white has no structure either, but it is light that it needs.
RULES: dict[str, Rule] = {
    # A warning at most: such a photo may be right all the same.
    "side": Rule("tiny", False, 64, 0, 64, (64, 0), hides=CODES),
    "light": Rule("dark", False, 60.0, 40.0, 110.0, (20.0, 12.0), hides=_UNSEEN),
    "swatch": Rule("far", False, 0.58, 0.28, 0.58, (0.2, 0.1), hides=CODES),
    "ink": Rule("no_fabric", True, 160.0, 190.0, 130.0, hides=CODES),
    # Black on white may be cloth; where the bank's own photos are so, its limits are.
    "print": Rule("no_fabric", True, 90.0, 160.0, 90.0, hides=CODES),
    "clipped": Rule("overexposed", True, 0.5, 0.8, 0.25, (0.9, 0.98), hides=("glare", *_UNSEEN)),
    "texture": Rule("no_fabric", False, 1.4, 1.1, 1.4, hides=CODES),
    # Sequins flash in a hundredth of the spots.
    "blown": Rule("glare", True, 0.02, 0.15, 0.012, hides=("far", "several", "no_fabric")),
    "inner": Rule("far", True, 2.2, 3.2, 1.8, hides=("several", "blurred", "no_fabric")),
    "patchy": Rule("no_fabric", True, 12.0, 16.0, 9.0, hides=CODES),
    "split": Rule("several", True, 4.0, 4.0, 2.5, hides=("blurred",)),
    "fine": Rule("blurred", False, 0.06, 0.045, 0.1, (0.06, 0.045)),
    # How earlier releases measured that: photos cached by them have it.
    "sharp": Rule("blurred", False, 0.03, 0.015, 0.09, (0.03, 0.012)),
}


class PhotoLimits(Document):
    """Limits by measure: beyond the first a photo should be taken again, beyond the second nothing definite is said."""

    version: int = VERSION
    #: How many photos they were learnt from.
    photos: int = 0
    limits: dict[str, tuple[float, float]] = Field(default_factory=dict)

    def defects(self, measures: Mapping[str, Any]) -> list[tuple[Code, bool]]:
        """What is wrong with a photo of these measures, and whether severely; measures that are not there pass."""
        found: dict[Code, bool] = {}
        hidden: set[Code] = set()
        for name, rule in RULES.items():
            value = measures.get(name)
            if value is None or rule.code in hidden:
                continue
            warn, severe = self.of(name)
            if rule.beyond(value, warn):
                found[rule.code] = found.get(rule.code, False) or rule.beyond(value, severe)
                hidden.update(code for code in rule.hides if code not in found)
        return list(found.items())

    def of(self, measure: str) -> tuple[float, float]:
        """The limits of a measure."""
        rule = RULES[measure]
        usual = rule.warn, rule.severe
        return rule.kept(self.limits.get(measure, usual)) if self.version == VERSION else usual


DEFAULT = PhotoLimits()
