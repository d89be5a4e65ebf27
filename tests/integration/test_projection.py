"""The projection: folding is idempotent, a lost file is made again, filters and pages see what was committed."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from shared.core.errors import InvalidRequest, NotFound
from shared.core.settings import Settings
from shared.jobs import projection as projection_file
from shared.jobs.model import ItemResult, Job, Lane
from shared.jobs.projection import caught_up, open_projection
from shared.jobs.result_filters import Filters
from shared.jobs.reviews import Review
from shared.ranking.model import Candidate, Ranking, Verdict
from tests.ledger_harness import DIM, LedgerHarness, answer


def judged(harness: LedgerHarness, count: int = 30) -> Job:
    """A finished job: every third photo failed, confidences fall with the index, labels alternate."""
    job = harness.submit(count)
    harness.admit(job)
    worker = harness.worker()
    while claim := worker.claim(Lane.BULK):
        results: list[ItemResult] = []
        rows = []
        for item in claim.items:
            if item.index % 3 == 2:
                results.append(replace(answer(item), ranking=None, error_code="truncated"))
                continue
            label = "twill" if item.index % 2 else "satin"
            verdict = Verdict.LABEL if item.index < count // 2 else Verdict.UNSURE
            candidates = (Candidate(label, 1.0, "s1"), Candidate("other", 0.5, None))
            ranking = Ranking(verdict, label, round(1 - item.index / 100, 2), 0.1, candidates)
            results.append(replace(answer(item), ranking=ranking, cached=item.index % 2 == 0))
            rows.append(np.full(DIM, item.index, np.float16).tobytes())
        worker.commit(claim, results, b"".join(rows), final=True)
    return harness.check(job)


@pytest.fixture
def own(ledger_settings: Settings, tmp_path: object) -> Settings:
    return ledger_settings.model_copy(update={"data_dir": tmp_path})


def test_folding_twice_changes_nothing(harness: LedgerHarness, own: Settings) -> None:
    job = judged(harness)
    with caught_up(own, harness.ledger, job.id) as projection:
        first = list(projection.rows())
        assert projection.catch_up(harness.ledger) == 0
        assert list(projection.rows()) == first
        assert projection.behind(harness.ledger) == 0
    assert [row["index"] for row in first] == list(range(30))
    assert sum(row["status"] == "ok" for row in first) == job.ok


def test_several_processes_fold_together(harness: LedgerHarness, own: Settings) -> None:
    job = judged(harness, 500)

    def fold() -> None:
        with caught_up(own, harness.ledger, job.id):
            pass

    threads = [threading.Thread(target=fold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with caught_up(own, harness.ledger, job.id) as projection:
        assert [row["index"] for row in projection.rows()] == list(range(500))
        found = projection.vectors(range(500))
    assert {i: np.frombuffer(v, np.float16)[0] for i, v in found.items()} == {
        i: float(i) for i in range(500) if i % 3 != 2
    }


def test_what_comes_meanwhile_is_left_to_the_next_time(
    harness: LedgerHarness, own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers that commit faster than a page writes must not keep it for ever."""
    monkeypatch.setattr(projection_file, "_FOLD", 1)
    monkeypatch.setattr(projection_file, "_FOLD_FOR_A_PAGE", 1)
    monkeypatch.setattr(projection_file, "_KEPT_UP_SECONDS", -1.0)
    job = judged(harness, 500)
    ledger, asked = harness.ledger, []
    entries, length, read = ledger.log_length(job.id), ledger.log_length, ledger.log

    def log(job_id: str, start: int, most: int) -> list[tuple[list[ItemResult], bytes | None]]:
        # From the first look into the log on, all are there.
        monkeypatch.setattr(ledger, "log_length", length)
        asked.append(start)
        return read(job_id, start, most)

    monkeypatch.setattr(ledger, "log", log)
    monkeypatch.setattr(ledger, "log_length", lambda job_id: entries // 2)
    with closing(open_projection(own, job.id)) as projection:
        assert projection.catch_up(ledger) == entries // 2
        assert projection.catch_up(ledger, seconds=0.0) == 1
        assert projection.catch_up(ledger) == entries - entries // 2 - 1
    assert asked == list(range(entries))


def test_vectors_leave_the_ledger_once_they_are_kept(harness: LedgerHarness, own: Settings) -> None:
    job = judged(harness)
    assert list(harness.redis.scan_iter("weft:*:vec:*"))
    with caught_up(own, harness.ledger, job.id):
        pass
    assert not list(harness.redis.scan_iter("weft:*:vec:*"))


def test_a_lost_file_is_made_again_from_the_ledger(harness: LedgerHarness, own: Settings) -> None:
    job = judged(harness)
    with caught_up(own, harness.ledger, job.id) as projection:
        before = list(projection.rows())
    for path in own.jobs_dir.iterdir():
        path.unlink()
    with caught_up(own, harness.ledger, job.id) as projection:
        assert list(projection.rows()) == before


def test_results_outlive_the_ledger(harness: LedgerHarness, own: Settings) -> None:
    job = judged(harness)
    with caught_up(own, harness.ledger, job.id) as projection:
        before = list(projection.rows())
    harness.dispatcher.remove(job.id)
    with caught_up(own, harness.ledger, job.id) as projection:
        assert list(projection.rows()) == before


def test_a_retry_replaces_the_failure(harness: LedgerHarness, own: Settings) -> None:
    job = judged(harness)
    with caught_up(own, harness.ledger, job.id) as projection:
        assert projection.summary()["failures"] == {"truncated": 10}
    harness.ledger.retry(job.id)
    harness.admit(job)
    harness.drain(harness.worker())
    with caught_up(own, harness.ledger, job.id) as projection:
        assert projection.summary()["failures"] == {}
        assert projection.item(2)["status"] == "ok"


def test_filters(harness: LedgerHarness, own: Settings) -> None:
    job = judged(harness)
    with caught_up(own, harness.ledger, job.id) as p:

        def indexes(**query: object) -> list[int]:
            return [item["index"] for item in p.items(Filters(**query))[0]]  # type: ignore[arg-type]

        everything = [r["index"] for r in p.rows()]
        assert indexes(status="failed") == everything[2::3]
        assert indexes(label="twill") == [i for i in everything if i % 3 != 2 and i % 2]
        assert indexes(verdict="unsure") == [i for i in everything if i % 3 != 2 and i >= 15]
        assert indexes(max_confidence=0.75) == [i for i in everything if i % 3 != 2 and i >= 25]
        assert indexes(code="truncated", status="ok") == []
        assert p.summary()["labels"] == {"satin": 10, "twill": 10}


@pytest.mark.parametrize("sort", ["index", "confidence"])
def test_pages_hold_every_item_once(harness: LedgerHarness, own: Settings, sort: str) -> None:
    job = judged(harness)
    with caught_up(own, harness.ledger, job.id) as p:
        seen: list[int] = []
        cursor = None
        while True:
            page, cursor = p.items(sort=sort, cursor=cursor, limit=7)
            seen += [item["index"] for item in page]
            if cursor is None:
                break
        assert sorted(seen) == list(range(30))
        ok = [i for i in range(30) if i % 3 != 2]
        # Least certain first, failures last.
        assert seen == (list(range(30)) if sort == "index" else ok[::-1] + list(range(2, 30, 3)))


@pytest.mark.parametrize("query", [{"sort": "size"}, {"cursor": "x"}, {"sort": "confidence", "cursor": "[1]"}])
def test_wrong_questions_are_refused(harness: LedgerHarness, own: Settings, query: dict[str, str]) -> None:
    with closing(open_projection(own, "j0b")) as projection, pytest.raises(InvalidRequest):
        projection.items(**query)  # type: ignore[arg-type]


def test_a_correction_stands_beside_the_prediction(harness: LedgerHarness, own: Settings) -> None:
    job = judged(harness)
    with caught_up(own, harness.ledger, job.id) as p:
        assert p.review(0, Review(label="真丝"))["corrected"] == "真丝"
        assert p.item(0)["label"] == "satin"
        assert [i["index"] for i in p.items(Filters(label="真丝"))[0]] == [0]
        assert p.summary()["labels"] == {"twill": 10, "satin": 9, "真丝": 1}
        assert p.summary()["corrected"] == 1
        assert [i["index"] for i in p.corrections()] == [0]
        assert p.review(0, Review())["corrected"] is None
        with pytest.raises(NotFound):
            p.review(99, Review(label="x"))


def test_a_job_id_cannot_lead_elsewhere(own: Settings) -> None:
    with pytest.raises(NotFound):
        open_projection(own, "../../etc")
