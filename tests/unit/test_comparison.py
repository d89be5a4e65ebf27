"""Photos of two runs are matched by name, else by content, each once; and every pair has one kind of change."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from shared.core.settings import Settings
from shared.jobs.comparison import CHANGED, Change, change_of, compare, matched
from shared.jobs.projection import open_projection
from shared.jobs.projection_results import Answer
from tests.large_jobs import archived_job


def answer(item: int, name: str, sha256: str | None = None, verdict: str | None = "label", label: str = "a") -> Answer:
    return Answer(item, name, sha256, verdict, label if verdict else None, None)


def pairs(first: list[Answer], second: list[Answer]) -> list[tuple[int | None, int | None]]:
    return [(a and a.item, b and b.item) for a, b in matched(first, second)]


def test_by_name_then_by_hash() -> None:
    first = [answer(0, "x.jpg", "1"), answer(1, "old.jpg", "2"), answer(2, "gone.jpg", "3")]
    second = [answer(0, "new.jpg", "2"), answer(1, "x.jpg", "9"), answer(2, "extra.jpg", "4")]
    assert pairs(first, second) == [(0, 1), (1, 0), (2, None), (None, 2)]


def test_what_comes_several_times_is_matched_in_its_order() -> None:
    first = [answer(n, "x.jpg", "1") for n in range(3)]
    second = [answer(n, "x.jpg", "1") for n in range(2)]
    assert pairs(first, second) == [(0, 0), (1, 1), (2, None)]


def test_a_failed_photo_without_a_hash_is_matched_by_name_alone() -> None:
    first = [answer(0, "a", None, None), answer(1, "b", None, None)]
    second = [answer(0, "b", None, None), answer(1, "c", None, None)]
    assert pairs(first, second) == [(0, None), (1, 0), (None, 1)]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (("label", "a"), ("label", "a"), Change.SAME),
        (("label", "a"), ("label", "b"), Change.CLASS),
        (("unsure", "a"), ("unsure", "b"), Change.CLASS),
        (("unsure", "a"), ("label", "b"), Change.RECOGNISED),
        (("label", "a"), ("unsure", "a"), Change.UNSURE),
        (("label", "a"), ("not_in_bank", "a"), Change.NOT_IN_BANK),
        (("label", "a"), (None, ""), Change.FAILED),
        ((None, ""), ("unsure", "a"), Change.NOT_FAILED),
        ((None, ""), (None, ""), Change.SAME),
    ],
)
def test_kinds(before: tuple[str | None, str], after: tuple[str | None, str], change: Change) -> None:
    first, second = (answer(0, "x", None, verdict, label) for verdict, label in (before, after))
    assert change_of(first, second) is change


@pytest.mark.slow
def test_a_hundred_thousand_photos_take_seconds(settings: Settings) -> None:
    one = archived_job(settings, 100_000, "b1", "one")
    two = archived_job(settings, 100_000, "b1", "two")
    with closing(open_projection(settings, two.id)) as projection:
        database = projection._db
        database.execute("UPDATE items SET verdict = 'unsure' WHERE idx % 10 = 0 AND verdict = 'label'")
        database.execute("UPDATE items SET name = 'renamed/' || name WHERE idx % 7 = 0")
    begun = time.process_time()
    with closing(open_projection(settings, one.id)) as first, closing(open_projection(settings, two.id)) as second:
        found = compare(first, second)
    took = time.process_time() - begun
    # Failed photos have no hash by which a renamed one could be found.
    lost = sum(1 for index in range(0, 100_000, 7) if index % 50 == 49)
    assert found.counts[Change.ONLY_FIRST] == found.counts[Change.ONLY_SECOND] == lost
    assert sum(found.counts.values()) == 100_000 + lost
    assert found.counts[Change.UNSURE] == found.changed > 5_000
    assert took < 8, took
    # Pages follow one another without a gap, across the kinds.
    seen = [pair for start in range(0, found.changed, 500) for pair in found.part(None, start, 500)]
    assert len(seen) == len(set(seen)) == found.changed
    assert {kind for kind, _, _ in seen} <= set(CHANGED)
