"""What a page shows of a million photos is not counted for it: the counts are kept, and stay those of the rows."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest

from shared.core.settings import Settings
from shared.jobs import projection as projection_file
from shared.jobs.model import ItemResult, Job
from shared.jobs.projection import Projection, caught_up, open_projection, projection_path
from shared.jobs.result_filters import Filters
from shared.jobs.reviews import Review, ReviewState
from tests.integration.test_projection import judged
from tests.integration.test_projection_versions import FIRST
from tests.large_jobs import made_up_result
from tests.ledger_harness import LedgerHarness


@pytest.fixture
def own(ledger_settings: Settings, tmp_path: object) -> Settings:
    return ledger_settings.model_copy(update={"data_dir": tmp_path})


def agrees(projection: Projection) -> None:
    """The counts are those of all rows, one by one."""
    rows = list(projection.rows())
    summary = projection.summary()
    assert projection.count(Filters()) == projection.counts.total() == len(rows)
    said = [row["label"] if row["review"] == ReviewState.TODO else row["final_label"] for row in rows]
    assert summary["labels"] == Counter(label for label in said if label)
    assert summary["verdicts"] == Counter(row["verdict"] for row in rows if row["verdict"])
    assert summary["failures"] == Counter(row["error"]["code"] for row in rows if row["error"])
    assert summary["todo"] == Counter(r["verdict"] for r in rows if r["verdict"] and r["review"] == ReviewState.TODO)
    reviews = Counter(row["review"] for row in rows)
    assert {state: count for state, count in summary["reviews"].items() if count} == reviews


def test_counts_follow_results_reviews_retries_and_rows_that_are_made_again(
    harness: LedgerHarness, own: Settings
) -> None:
    job = judged(harness, 60)
    chance = random.Random(1)
    with caught_up(own, harness.ledger, job.id) as projection:
        agrees(projection)
        wishes = [Review(label="linen"), Review(label="satin"), Review(ReviewState.CONFIRMED)]
        wishes += [Review(ReviewState.REJECTED), Review(ReviewState.TODO)]
        for _ in range(40):
            projection.review_many(chance.sample(range(60), 7), chance.choice(wishes))
            agrees(projection)
        projection.reviews.undo(projection.reviews.acts()[0].act or 0)
        agrees(projection)
    harness.ledger.retry(job.id)
    harness.admit(job)
    harness.drain(harness.worker())
    with caught_up(own, harness.ledger, job.id) as projection:
        assert projection.summary()["failures"] == {}
        agrees(projection)
        projection.fold_again(harness.ledger)
        agrees(projection)


def test_a_file_of_an_earlier_version_is_counted_once(own: Settings) -> None:
    own.jobs_dir.mkdir(parents=True)
    with closing(sqlite3.connect(projection_path(own, "early"))) as database:
        database.executescript(FIRST)
    with closing(open_projection(own, "early")) as projection:
        agrees(projection)
        assert projection.whole() == 2
        assert projection.counts.total() == 2


def test_rows_are_found_by_their_place_also_where_some_are_missing(own: Settings) -> None:
    """Chunks end in any order: rows behind a gap are counted, those before it are not."""
    chunks = [list(range(first, first + 10)) for first in range(0, 200, 10)]
    random.Random(2).shuffle(chunks)
    there: set[int] = set()
    with closing(open_projection(own, "gaps")) as projection:
        for chunk in chunks:
            projection._fold([made_up_result(index, 3) for index in chunk], None)
            projection._db.execute("INSERT OR REPLACE INTO state VALUES ('whole', ?)", (projection._gap(),))
            there |= set(chunk)
            assert projection.whole() == next(n for n in range(201) if n not in there)
            for start in (0, 5, 48, 95, 190):
                assert projection.positions(start=start, limit=20) == sorted(there)[start : start + 20]


@pytest.fixture
def writing(
    harness: LedgerHarness, own: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Job, sqlite3.Connection]]:
    """A job with results, and the dispatcher in the middle of writing them."""
    job = judged(harness, 60)
    monkeypatch.setattr(projection_file, "_KEPT_UP_SECONDS", -1.0)
    with closing(open_projection(own, job.id)), closing(sqlite3.connect(projection_path(own, job.id))) as other:
        other.execute("BEGIN IMMEDIATE")
        yield job, other


def test_a_page_does_not_wait_for_whoever_is_writing(
    harness: LedgerHarness, own: Settings, writing: tuple[Job, sqlite3.Connection]
) -> None:
    """It shows what is there, and what is left comes with the next one."""
    job, other = writing
    with closing(open_projection(own, job.id)) as projection:
        assert projection.catch_up(harness.ledger, seconds=0.05) == 0
        assert projection.items()[0] == []
        other.execute("ROLLBACK")
        assert projection.catch_up(harness.ledger, seconds=30) == harness.ledger.log_length(job.id)
        assert len(projection.items()[0]) == 60


def test_a_page_leaves_much_to_the_dispatcher_while_it_keeps_up(
    harness: LedgerHarness, own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = judged(harness, 500)
    entries = harness.ledger.log_length(job.id)
    assert entries > 1
    with closing(open_projection(own, job.id)) as projection:
        # The file was made a moment ago, as it is when the dispatcher writes into it.
        assert projection.catch_up(harness.ledger, seconds=30) == 0
        monkeypatch.setattr(projection_file, "_KEPT_UP_SECONDS", -1.0)
        # Nobody has written for a while: the page does.
        assert projection.catch_up(harness.ledger, seconds=30) == entries


def test_defects_are_found_by_an_index(own: Settings) -> None:
    defects = [["blurred", True, 0.5]]
    with closing(open_projection(own, "defects")) as projection:
        projection._fold([found(index, defects if index % 5 == 0 else []) for index in range(100)], None)
        assert projection.defects() == {"any": 20, "blurred": 20}
        assert projection.count(Filters(quality="any")) == 20
        looked: list[str] = []
        projection._db.set_trace_callback(looked.append)
        projection.defects()
        projection._db.set_trace_callback(None)
        for statement in looked:
            plan = [row["detail"] for row in projection._db.execute(f"EXPLAIN QUERY PLAN {statement}")]
            assert any("items_quality" in step for step in plan), plan


def found(index: int, quality: list[list[object]]) -> ItemResult:
    result = made_up_result(0, 3)
    return ItemResult(index, f"{index}.jpg", ranking=result.ranking, extra={"quality/1": quality})
