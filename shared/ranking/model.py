"""What ranking says of a photo, and the presets that it ranks by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shared.bank.manifest import DENSE_ROWS as DENSE_ROWS


class Verdict(StrEnum):
    LABEL = "label"
    UNSURE = "unsure"
    NOT_IN_BANK = "not_in_bank"


@dataclass(frozen=True, slots=True)
class Preset:
    """NameRanker ranking settings."""

    name: str
    #: Classes that the coarse stage (centroids) hands to the fine stage (samples).
    topc: int
    #: A class with fewer samples than this is named in the bank's report, and ranked by its name at best.
    min_samples: int


PRESETS: dict[str, Preset] = {
    p.name: p
    for p in (
        Preset("development", topc=6, min_samples=2),
        Preset("realtime", topc=8, min_samples=3),
        Preset("standard", topc=10, min_samples=3),
        Preset("precise", topc=16, min_samples=5),
    )
}


class Candidate(NamedTuple):
    """A class that a photo may show. A tuple: five of them are made, packed and unpacked for every photo."""

    label: str
    #: Fused ranking score; comparable inside one photo, not between banks.
    score: float
    #: Id of the nearest bank sample of this class (the evidence), or None in centroid-only and zero-shot ranking.
    sample: str | None = None


class ParentAnswer(NamedTuple):
    """The group of classes that a photo shows, where which one of them is unsure."""

    label: str
    #: Summed probability (0…1) of its classes.
    confidence: float
    #: Its names.
    zh: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What the bank says of one vector."""

    verdict: Verdict
    #: Best class, also where the verdict is not `label`: the page shows it as a guess.
    label: str | None
    #: Probability (0…1) that `label` is right, calibrated as the bank's manifest says.
    confidence: float
    #: Difference of the two best classes' probabilities, 0…1.
    margin: float
    #: Best first; ties by label.
    candidates: tuple[Candidate, ...] = ()
    #: Only of `unsure` ones whose parent is sure enough.
    parent: ParentAnswer | None = None
