"""Where photos lie in folders that are named after their class, a job's summary says how right the answers are."""

from __future__ import annotations

from contextlib import closing

from shared.bank.class_names import ClassNames
from shared.bank.manifest import ClassEntry
from shared.core.settings import Settings
from shared.jobs.folder_truth import FEWEST, Mistake, folder_truth
from shared.jobs.job_summary import NAMED, summarise
from shared.jobs.projection import open_projection
from shared.jobs.reviews import Review
from tests.large_jobs import archived_job

NAMES = ClassNames([ClassEntry(label="denim", zh="牛仔布"), ClassEntry(label="silk", en="Silk")])


def test_the_innermost_folder_that_is_a_class_counts() -> None:
    rows = [
        ("2026/牛仔布/正面", "denim", True, None, 6),
        ("denim/Silk", "silk", False, None, 3),
        ("denim", "silk", True, None, 2),
        ("denim", "denim", False, None, 1),
        ("new arrivals", "silk", True, None, 50),
    ]
    found = folder_truth(rows, NAMES.resolve)
    assert found is not None
    assert (found.photos, found.right, found.answered, found.answered_right) == (12, 10, 8, 6)
    assert found.mistakes == [Mistake("denim", "silk", 2)]


def test_a_right_parent_counts_apart() -> None:
    rows = [
        ("crinkle", "pearl", False, "chiffon", 6),
        ("crinkle", "denim", False, "cotton", 2),
        ("pearl", "pearl", True, None, 4),
    ]
    parents = {"crinkle": "chiffon", "pearl": "chiffon", "denim": "cotton"}
    found = folder_truth(rows, {label: label for label in parents}.get, parents.get)
    assert found is not None
    assert (found.right, found.answered, found.answered_right) == (4, 4, 4)
    assert (found.parents, found.parents_right) == (8, 6)


def test_a_few_photos_say_nothing() -> None:
    assert folder_truth([("denim", "denim", True, None, FEWEST - 1)], NAMES.resolve) is None
    assert folder_truth([("denim", "denim", True, None, FEWEST)], NAMES.resolve) is not None


def test_the_summary_of_a_job(settings: Settings) -> None:
    """Photos of the first roll are called denim by their folder, and so predicted; people's words do not count."""
    job = archived_job(settings, 100, "b1", classes=4)
    with closing(open_projection(settings, job.id)) as projection:
        projection.understand(NAMES)
        assert summarise(projection).truth is None
        projection._db.execute("UPDATE items SET name = 'denim/' || idx || '.jpg', label = 'denim' WHERE idx < 40")
        projection._db.execute("UPDATE items SET label = 'silk' WHERE idx IN (0, 1)")
        projection.review(0, Review(label="denim"))
        found = summarise(projection)
    assert found.truth is not None
    assert (found.truth.photos, found.truth.right) == (40, 38)
    assert found.truth.mistakes == [Mistake("denim", "silk", 2)]


def test_failed_photos_are_named(settings: Settings) -> None:
    job = archived_job(settings, 500, "b1")
    with closing(open_projection(settings, job.id)) as projection:
        found = summarise(projection)
    assert found.failures == {"truncated": 10}
    assert len(found.failed_names["truncated"]) == NAMED
    assert found.failed_names["truncated"][0] == "roll-049/DSC000049.jpg"
