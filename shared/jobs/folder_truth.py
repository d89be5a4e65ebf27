"""How right the answers are where the photos lie in folders that are named after their class."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

#: Photos in such folders from which on a share is told, and mistakes that are listed.
FEWEST, MISTAKES = 5, 12


@dataclass(frozen=True, slots=True)
class Mistake:
    #: Labels: of the folder, and as predicted.
    truth: str
    predicted: str
    photos: int


@dataclass(frozen=True, slots=True)
class FolderTruth:
    """Predictions beside the folders' names; what people said of them does not count."""

    #: Photos with a result in a folder that is named after a class.
    photos: int
    #: Of these, those whose best class is the folder's.
    right: int
    #: Those with the verdict `label`, and of these those that are right.
    answered: int
    answered_right: int
    #: Pairs of classes that were taken for one another, the most frequent first.
    mistakes: list[Mistake]
    #: Those that got the parent of classes instead of a class, and of these those whose folder's class is one of them.
    parents: int = 0
    parents_right: int = 0


def folder_truth(
    rows: Iterable[tuple[str, str, bool, str | None, int]],
    meaning: Callable[[str], str | None],
    parent_of: Callable[[str], str | None] = lambda label: None,
) -> FolderTruth | None:
    """None where fewer than `FEWEST` photos lie in such folders.

    Args:
        rows: (folder of the photos in the job, best class, whether the verdict is `label`, parent that was the answer
            instead, photos).
        meaning: the class that a folder's name means; None: none. The innermost folder that means one counts.
        parent_of: the parent of a class.
    """
    known: dict[str, str | None] = {}
    photos = right = answered = answered_right = parents = parents_right = 0
    wrong: dict[tuple[str, str], int] = {}
    for folder, label, definite, parent, count in rows:
        if folder not in known:
            parts = reversed(folder.replace("\\", "/").split("/"))
            known[folder] = next((found for part in parts if part and (found := meaning(part)) is not None), None)
        truth = known[folder]
        if truth is None:
            continue
        photos += count
        answered += count * definite
        if parent is not None:
            parents += count
            parents_right += count * (parent_of(truth) == parent)
        if truth == label:
            right += count
            answered_right += count * definite
        else:
            wrong[truth, label] = wrong.get((truth, label), 0) + count
    if photos < FEWEST:
        return None
    worst = sorted(wrong.items(), key=lambda one: (-one[1], one[0]))[:MISTAKES]
    mistakes = [Mistake(*pair, count) for pair, count in worst]
    return FolderTruth(photos, right, answered, answered_right, mistakes, parents, parents_right)
