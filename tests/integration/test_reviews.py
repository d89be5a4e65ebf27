"""What people say about results: a state for each photo, many in one act, undone in one; filters and exports follow."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.curation.folder import Names
from shared.jobs.ledger import Ledger
from shared.jobs.model import ItemResult, Job, Lane
from shared.jobs.projection import open_projection
from shared.jobs.projection_reviews import UNDOABLE
from shared.jobs.result_filters import Filters
from shared.jobs.result_rows import columns
from shared.jobs.reviews import Review, ReviewState
from shared.ranking.model import Candidate, Ranking, Verdict
from tests.banks import INFO, by_label, clustered, make_bank
from tests.ledger_harness import LedgerHarness, answer, photos, spec
from web.app import create_app

NAMES = Names(labels={"class-0": {"zh": "牛仔布", "en": "denim"}, "class-1": "帆布"})
#: Of each photo of the job: its verdict and class, None for a failed one.
OUTCOMES = [
    (Verdict.LABEL, "class-0"),
    (Verdict.UNSURE, "class-0"),
    (Verdict.UNSURE, "class-1"),
    (Verdict.NOT_IN_BANK, "class-1"),
    None,
    (Verdict.UNSURE, "class-2"),
]
EXTRA = {
    "camera/1": "Canon EOS R5",
    "taken/1": "2026-11-29T08:00:00",
    "colours/1": [["#000080", [12.9, 47.5, -64.7], 0.8, "navy"], ["#ffffff", [100.0, 0.0, 0.0], 0.2, "white"]],
}


def result(index: int, found: tuple[Verdict, str] | None) -> ItemResult:
    name = f"{'DSC' if index % 2 else 'img'}-{9 - index}.jpg"
    if found is None:
        return ItemResult(index, name, error_code="truncated")
    verdict, label = found
    ranking = Ranking(verdict, label, 0.9 - index / 10, 0.5 - index / 20, (Candidate(label, 1.0, None),))
    return ItemResult(index, name, sha256=f"{index:064x}", ranking=ranking, extra=EXTRA if index == 2 else {})


@pytest.fixture
def job(settings: Settings, redis_pair: embedded.Pair) -> Job:
    arrays = {f"class-{number}": rows for number, rows in enumerate(by_label(clustered(3)).values())}
    version = make_bank(settings, arrays, names=NAMES)
    harness = LedgerHarness(Ledger.connect(settings))
    wish = replace(spec("swatches", Lane.INTERACTIVE, kind="upload"), bank=version, identity=INFO.identity)
    made = harness.ledger.submit(wish, photos(len(OUTCOMES)))
    worker = harness.worker(identity=INFO.identity)
    while claim := worker.claim(Lane.INTERACTIVE):
        results = [replace(answer(item), **vars_of(result(item.index, OUTCOMES[item.index]))) for item in claim.items]
        worker.commit(claim, results, b"", final=True)
    return harness.ledger.job(made.id)


def vars_of(made: ItemResult) -> dict[str, Any]:
    return {name: getattr(made, name) for name in ("name", "ranking", "error_code", "extra")}


@pytest.fixture
def client(settings: Settings, job: Job) -> Iterator[FlaskClient]:
    with create_app(settings).test_client() as found:
        yield found


def patch(client: FlaskClient, job: Job, index: int, **wish: object) -> Any:
    return client.patch(f"/api/v1/jobs/{job.id}/items/{index}", json=wish).get_json()


def many(client: FlaskClient, job: Job, **wish: object) -> Any:
    return client.post(f"/api/v1/jobs/{job.id}/reviews", json=wish).get_json()


def chosen(client: FlaskClient, job: Job, **query: object) -> list[int]:
    found = client.get(f"/api/v1/jobs/{job.id}/items", query_string=query).get_json()
    return [item["index"] for item in found["items"]]


def test_each_state_and_the_label_that_counts(client: FlaskClient, job: Job) -> None:
    untouched = client.get(f"/api/v1/jobs/{job.id}/items").get_json()["items"]
    assert [item["review"] for item in untouched] == ["todo"] * 6
    assert [item["final_label"] for item in untouched] == ["class-0", None, None, None, None, None]

    said = patch(client, job, 1, review="confirmed")
    assert (said["review"], said["corrected"], said["final_label"]) == ("confirmed", None, "class-0")
    assert said["reviewed_at"] > 0
    said = patch(client, job, 2, label="牛仔布")
    assert (said["review"], said["corrected"], said["final_label"]) == ("corrected", "class-0", "class-0")
    # The predicted class, by another of its names, is a confirmation.
    said = patch(client, job, 3, label="帆布")
    assert (said["review"], said["corrected"], said["final_label"]) == ("confirmed", None, "class-1")
    said = patch(client, job, 0, review="rejected")
    assert (said["review"], said["final_label"]) == ("rejected", None)
    said = patch(client, job, 0, label=None)
    assert (said["review"], said["final_label"], said["reviewed_at"]) == ("todo", "class-0", None)


def test_what_was_reviewed_leaves_the_queue_and_the_export_tells_it(client: FlaskClient, job: Job) -> None:
    assert chosen(client, job, verdict="unsure", review="todo") == [1, 2, 5]
    patch(client, job, 1, review="confirmed")
    patch(client, job, 5, review="rejected")
    assert chosen(client, job, verdict="unsure", review="todo") == [2]
    assert chosen(client, job, review="reviewed") == [1, 5]
    assert chosen(client, job, review="rejected") == [5]
    export = client.get(f"/api/v1/jobs/{job.id}/export", query_string={"review": "reviewed"}).get_data()
    rows = list(csv.DictReader(io.StringIO(export.decode("utf-8-sig"))))
    assert [(row["review"], row["final_label"]) for row in rows] == [("confirmed", "class-0"), ("rejected", "")]


def test_many_in_one_act_and_undone_in_one(client: FlaskClient, job: Job) -> None:
    patch(client, job, 2, review="rejected")
    act = many(client, job, filters={"verdict": "unsure"}, label="denim")
    assert (act["photos"], act["label"]) == (3, "class-0")
    # Where the class was predicted, it is confirmed.
    assert chosen(client, job, review="confirmed") == [1]
    assert chosen(client, job, review="corrected") == [2, 5]
    undone = client.post(f"/api/v1/jobs/{job.id}/reviews/{act['act']}/undo").get_json()
    assert undone["photos"] == 3
    assert chosen(client, job, review="rejected") == [2]
    assert chosen(client, job, review="todo") == [0, 1, 3, 4, 5]
    assert client.post(f"/api/v1/jobs/{job.id}/reviews/{act['act']}/undo").status_code == 404


def test_undo_keeps_what_was_said_since(client: FlaskClient, job: Job) -> None:
    act = many(client, job, items=[0, 1, 99], review="confirmed")
    assert act["photos"] == 2
    patch(client, job, 1, review="rejected")
    assert client.post(f"/api/v1/jobs/{job.id}/reviews/{act['act']}/undo").get_json()["photos"] == 1
    assert chosen(client, job, review="rejected") == [1]
    assert chosen(client, job, review="confirmed") == []
    acts = client.get(f"/api/v1/jobs/{job.id}/reviews").get_json()["acts"]
    assert [(row["state"], row["photos"]) for row in acts] == [("rejected", 1)]


def test_a_failed_photo_cannot_be_confirmed_but_named(client: FlaskClient, job: Job) -> None:
    assert many(client, job, filters={"status": "failed"}, review="confirmed")["photos"] == 0
    assert patch(client, job, 4, label="帆布")["final_label"] == "class-1"


def test_a_confirmation_of_many_says_its_classes_before_and_after(client: FlaskClient, job: Job) -> None:
    patch(client, job, 5, review="rejected")
    wish = {"filters": {}, "review": "confirmed", "skip": ["not_in_bank", "reviewed"]}
    asked = many(client, job, **wish, preview=True)
    assert asked["act"] is None
    assert asked["classes"] == [{"label": "class-0", "photos": 2}, {"label": "class-1", "photos": 1}]
    assert asked["skipped"] == {"not_in_bank": 1, "reviewed": 1, "failed": 1}
    assert asked["message"] == (
        "To be confirmed: 2 × denim, 1 × class-1. 1 not in the bank stays to do."
        " 1 was reviewed before and stays as it is. 1 failed and has no class."
    )
    assert chosen(client, job, review="reviewed") == [5]

    done = many(client, job, **wish)
    assert (done["classes"], done["skipped"]) == (asked["classes"], asked["skipped"])
    assert done["message"].startswith("Confirmed: 2 × denim, 1 × class-1. 1 not in the bank")
    assert chosen(client, job, review="confirmed") == [0, 1, 2]
    assert chosen(client, job, review="rejected") == [5]
    assert chosen(client, job, verdict="not_in_bank", review="todo") == [3]
    # Where nobody asks for it, nothing is skipped.
    assert many(client, job, items=[3], review="confirmed")["classes"] == [{"label": "class-1", "photos": 1}]


def test_a_previewed_new_class_is_not_made(client: FlaskClient, job: Job) -> None:
    asked = many(client, job, items=[1], label="boucle", new_class=True, preview=True)
    assert (asked["photos"], asked["message"]) == (1, "boucle: 1 photo")
    refused = client.post(f"/api/v1/jobs/{job.id}/reviews", json={"items": [1], "label": "boucle"})
    assert refused.get_json()["code"] == "unknown_class"


@pytest.mark.parametrize(
    "wish",
    [
        {"items": [1]},
        {"items": [1], "review": "confirmed", "skip": ["failed"]},
        {"review": "confirmed"},
        {"items": [1], "filters": {}, "review": "confirmed"},
        {"items": [1], "review": "confirmed", "label": "denim"},
        {"items": [1], "review": "done"},
        {"items": [-1], "review": "confirmed"},
        {"filters": {"verdict": "maybe"}, "review": "confirmed"},
        {"items": [1], "review": "corrected"},
    ],
)
def test_a_wish_that_says_nothing_or_two_things_is_refused(client: FlaskClient, job: Job, wish: object) -> None:
    answered = client.post(f"/api/v1/jobs/{job.id}/reviews", json=wish)
    assert answered.status_code == 400
    assert chosen(client, job, review="reviewed") == []


def test_an_unknown_class_is_asked_about_and_nothing_changes(client: FlaskClient, job: Job) -> None:
    answered = client.post(f"/api/v1/jobs/{job.id}/reviews", json={"items": [0, 1], "label": "Tweed"})
    assert (answered.status_code, answered.get_json()["code"]) == (409, "unknown_class")
    assert chosen(client, job, review="reviewed") == []
    assert many(client, job, items=[0, 1], label="Tweed", new_class=True)["label"] == "Tweed"
    assert chosen(client, job, label="tweed") == [0, 1]


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        ({"search": "dsc-"}, [1, 3, 5]),
        ({"search": "_"}, []),
        ({"search": "%"}, []),
        ({"min_confidence": 0.65, "max_confidence": 0.85}, [1, 2]),
        ({"camera": "Canon EOS R5"}, [2]),
        ({"colour": "white"}, [2]),
        ({"colour": "red"}, []),
        ({"taken": "2026-11"}, [2]),
        ({"taken": "2025"}, []),
        ({"sort": "name"}, [5, 3, 1, 4, 2, 0]),
        ({"sort": "-name"}, [0, 2, 4, 1, 3, 5]),
        ({"sort": "-confidence", "status": "ok"}, [0, 1, 2, 3, 5]),
        ({"sort": "margin", "status": "ok"}, [5, 3, 2, 1, 0]),
        ({"sort": "-index"}, [5, 4, 3, 2, 1, 0]),
        ({"sort": "label"}, [4, 0, 1, 2, 3, 5]),
    ],
)
def test_photos_are_found_and_ordered(client: FlaskClient, job: Job, query: dict[str, Any], indexes: list[int]) -> None:
    assert chosen(client, job, **query) == indexes
    # Page by page it is the same.
    paged: list[int] = []
    cursor = ""
    while cursor is not None:
        asked = {**query, "limit": 2, "cursor": cursor}
        page = client.get(f"/api/v1/jobs/{job.id}/items", query_string=asked).get_json()
        paged += [item["index"] for item in page["items"]]
        cursor = page["next"]
    assert paged == indexes


def test_a_hundred_thousand_photos_are_one_act(settings: Settings) -> None:
    """Only so many acts can be undone: the file does not grow with every one of them for ever."""
    with closing(open_projection(settings, "many")) as projection:
        count = 100_000
        made = columns(result(0, OUTCOMES[1]))
        marks = ",".join("?" * len(made))
        projection._db.executemany(f"INSERT INTO items VALUES ({marks})", ((n, *made[1:]) for n in range(count)))
        act = projection.review_many(Filters(verdict="unsure"), Review(ReviewState.CONFIRMED))
        assert act.photos == count
        assert projection.summary()["reviews"][ReviewState.CONFIRMED] == count
        assert projection.reviews.undo(act.act).photos == count
        assert not projection.reviews.any()
        for _ in range(UNDOABLE + 1):
            projection.review(1, Review(ReviewState.REJECTED))
        assert len(projection.reviews.acts(1000)) == UNDOABLE
        kept = projection._db.execute("SELECT count(*) FROM review_before").fetchone()[0]
        assert kept == UNDOABLE
