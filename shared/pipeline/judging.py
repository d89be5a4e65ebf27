"""What becomes of a result whose photo is too poor: it is said, and where it is bad, nothing definite is claimed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.bank.photo_gate import DEFAULT, PhotoLimits
from shared.jobs.fields import EXTRA, PARENT
from shared.ranking.model import Ranking, Verdict

_KEY = next(field.key for field in EXTRA if field.name == "quality")


def judged(ranking: Ranking, extra: Mapping[str, Any], limits: PhotoLimits | None) -> tuple[Ranking, Mapping[str, Any]]:
    """A ranking and the photo's values, as the result holds them.

    The measures among the values give way to what is wrong with the photo by the bank's limits (None: the default
    ones). Classes and scores stay as they are; only a definite result of a severe defect becomes `unsure`, and is given
    no parent either.
    """
    measures = extra.get(_KEY)
    if isinstance(measures, Mapping):
        found = (limits or DEFAULT).defects(measures)
        if any(severe for _, severe in found):
            verdict = Verdict.UNSURE if ranking.verdict is Verdict.LABEL else ranking.verdict
            ranking = replace(ranking, verdict=verdict, parent=None)
        extra = {**extra, _KEY: [[code, severe] for code, severe in found]}
    if ranking.parent is not None:
        extra = {**extra, PARENT.key: list(ranking.parent)}
    return ranking, extra
