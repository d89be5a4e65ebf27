"""Two runs over the same photos, compared: what the second one answers otherwise.

Photos are matched by their names, which are paths below the folder of a job; what is left, by SHA-256. Photos that are
in a job several times are matched in their order.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from shared.jobs.projection_results import Answer, Results
from shared.ranking.model import Verdict


class Change(StrEnum):
    """What became of a photo's answer; each photo counts once."""

    SAME = "same"
    #: The verdict is the same, the class is another.
    CLASS = "class"
    RECOGNISED = "now_recognised"
    UNSURE = "now_unsure"
    NOT_IN_BANK = "now_not_in_bank"
    FAILED = "now_failed"
    #: It failed before.
    NOT_FAILED = "no_longer_failed"
    ONLY_FIRST = "only_first"
    ONLY_SECOND = "only_second"


#: What is neither the same nor in one of the runs alone.
CHANGED = tuple(change for change in Change if change not in (Change.SAME, Change.ONLY_FIRST, Change.ONLY_SECOND))
_BY_VERDICT = {
    Verdict.LABEL: Change.RECOGNISED,
    Verdict.UNSURE: Change.UNSURE,
    Verdict.NOT_IN_BANK: Change.NOT_IN_BANK,
}
#: Stands for the index of a photo that one of the runs lacks.
NONE = 2**64 - 1


@dataclass(slots=True)
class Pairs:
    """Indexes of matched photos in both jobs, in the order of the first one."""

    first: array[int] = field(default_factory=lambda: array("Q"))
    second: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, first: int | None, second: int | None) -> None:
        self.first.append(NONE if first is None else first)
        self.second.append(NONE if second is None else second)

    def __len__(self) -> int:
        return len(self.first)

    def part(self, start: int, limit: int) -> list[tuple[int | None, int | None]]:
        """Pairs from the place `start` (0 is the first) on; None where a run lacks the photo."""
        chosen = zip(self.first[start : start + limit], self.second[start : start + limit], strict=True)
        return [(None if a == NONE else a, None if b == NONE else b) for a, b in chosen]


@dataclass(slots=True)
class Comparison:
    """All photos of both runs, by what changed."""

    kinds: dict[Change, Pairs] = field(default_factory=lambda: {change: Pairs() for change in Change})
    #: Photos to which a person gave a class in either job, and in how many of them each run's class is that one.
    reviewed: int = 0
    first_right: int = 0
    second_right: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """Photos of every kind."""
        return {change.value: len(pairs) for change, pairs in self.kinds.items()}

    @property
    def changed(self) -> int:
        """Photos whose answer is another one."""
        return sum(len(self.kinds[change]) for change in CHANGED)

    def part(self, change: Change | None, start: int, limit: int) -> list[tuple[Change, int | None, int | None]]:
        """One page of a kind (None: of all that changed, kind after kind) from the place `start` on."""
        found: list[tuple[Change, int | None, int | None]] = []
        for kind in CHANGED if change is None else (change,):
            pairs = self.kinds[kind]
            if start < len(pairs):
                found += [(kind, a, b) for a, b in pairs.part(start, limit - len(found))]
            start = max(0, start - len(pairs))
            if len(found) == limit:
                break
        return found


def compare(first: Results, second: Results) -> Comparison:
    """Matches the outcomes of two jobs; those that are not there yet count as missing."""
    found = Comparison()
    for a, b in matched(first.answers(), second.answers()):
        found.kinds[change_of(a, b)].add(a and a.item, b and b.item)
        said = (b and b.said) or (a and a.said)
        if said and a and b:
            found.reviewed += 1
            found.first_right += a.label == said
            found.second_right += b.label == said
    return found


def change_of(first: Answer | None, second: Answer | None) -> Change:
    """What became of a photo's answer; at least one of the two is there."""
    if first is None or second is None:
        return Change.ONLY_FIRST if second is None else Change.ONLY_SECOND
    if first.verdict == second.verdict:
        return Change.SAME if first.label == second.label else Change.CLASS
    if second.verdict is None:
        return Change.FAILED
    return Change.NOT_FAILED if first.verdict is None else _BY_VERDICT[Verdict(second.verdict)]


def matched(first: Iterable[Answer], second: Iterable[Answer]) -> list[tuple[Answer | None, Answer | None]]:
    """Pairs in the order of the first job; what only the second one has comes last."""
    ours, theirs = list(first), list(second)
    partner = _by_key([a.name for a in ours], [b.name for b in theirs], {})
    partner = _by_key([a.sha256 for a in ours], [b.sha256 for b in theirs], partner)
    pairs: list[tuple[Answer | None, Answer | None]] = [
        (a, theirs[partner[place]] if place in partner else None) for place, a in enumerate(ours)
    ]
    taken = set(partner.values())
    return pairs + [(None, b) for place, b in enumerate(theirs) if place not in taken]


def _by_key(ours: Sequence[str | None], theirs: Sequence[str | None], known: dict[int, int]) -> dict[int, int]:
    """Places of ours → places of theirs: those that are known, and of the others the n-th of each key with the n-th."""
    taken = set(known.values())
    waiting: defaultdict[str, list[int]] = defaultdict(list)
    for place in range(len(theirs) - 1, -1, -1):
        key = theirs[place]
        if key is not None and place not in taken:
            waiting[key].append(place)
    found = dict(known)
    for place, key in enumerate(ours):
        if place not in known and key is not None and waiting.get(key):
            found[place] = waiting[key].pop()
    return found
