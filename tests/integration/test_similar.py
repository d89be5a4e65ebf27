"""Photos that look alike: like one of a job, over all jobs, like a sample; groups, and naming one."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from scripts.cli import main as cli
from scripts.supervisor import redis as embedded
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job
from shared.jobs.projection import projection_path
from shared.similar import server
from shared.similar.archives import archive_of
from shared.similar.client import Similar
from tests.large_jobs import add_vectors, archived_job, job_with_vectors, look_alike_rows
from tests.web_server import site_client
from worker.dispatcher import archiving

COUNT = 300


@pytest.fixture
def rows(settings: Settings) -> dict[int, np.ndarray]:
    """Photos 4, 14, 24 … 94 (all not in bank) are of one cloth, 7 and 8 one photo; the others look like nothing."""
    return look_alike_rows(COUNT)


@pytest.fixture
def job(settings: Settings, redis_pair: embedded.Pair, rows: dict[int, np.ndarray]) -> Job:
    return job_with_vectors(settings, COUNT, rows)


@pytest.fixture
def client(settings: Settings, job: Job) -> Iterator[FlaskClient]:
    with site_client(settings) as found:
        yield found


def similarities(rows: dict[int, np.ndarray], query: np.ndarray) -> dict[int, float]:
    return {at: float(row @ query / np.linalg.norm(row) / np.linalg.norm(query)) for at, row in rows.items()}


def get(client: FlaskClient, address: str) -> Any:
    answer = client.get(address)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


def test_more_like_this_is_a_filter_and_an_order(client: FlaskClient, job: Job, rows: dict[int, np.ndarray]) -> None:
    expected = similarities(rows, rows[14])
    found = get(client, f"/api/v1/jobs/{job.id}/items?like=14&sort=similar&limit=10")
    indexes = [item["index"] for item in found["items"]]
    assert indexes[0] == 14
    assert set(indexes) == set(range(4, 100, 10))
    assert indexes == sorted(indexes, key=expected.__getitem__, reverse=True)
    # Pages of it, other filters beside it, and an export are of the same choice.
    following = get(client, f"/api/v1/jobs/{job.id}/items?like=14&sort=similar&limit=10&cursor={found['next']}")
    assert not set(indexes) & {item["index"] for item in following["items"]}
    sure = get(client, f"/api/v1/jobs/{job.id}/items?like=14&sort=similar&verdict=label&limit=3")["items"]
    assert [item["verdict"] for item in sure] == ["label"] * 3
    lines = client.get(f"/api/v1/jobs/{job.id}/export?format=csv&like=14&sort=similar").get_data(as_text=True)
    assert lines.splitlines()[1].startswith("14,")


def test_an_order_without_a_photo_is_refused(client: FlaskClient, job: Job) -> None:
    assert client.get(f"/api/v1/jobs/{job.id}/items?sort=similar").status_code == 400
    # A failed photo has no embedding.
    assert client.get(f"/api/v1/jobs/{job.id}/items?like=49&sort=similar").status_code == 404


def test_over_all_jobs_of_the_same_model(
    client: FlaskClient, settings: Settings, job: Job, rows: dict[int, np.ndarray]
) -> None:
    other = archived_job(settings, 50, job.bank, "other")
    with closing(sqlite3.connect(projection_path(settings, other.id))) as results:
        results.execute("UPDATE items SET sha256 = 'another' || idx WHERE idx = 3")
        results.commit()
    # Photo 5 is the same as the other job's photo 5, which is found once.
    add_vectors(settings, other.id, {3: rows[14] + 0.001, 5: rows[14] + 0.002})
    add_vectors(settings, job.id, {5: rows[14] + 0.003})
    foreign = archived_job(settings, 20, job.bank, "foreign")
    add_vectors(settings, foreign.id, {1: rows[14]})
    with closing(sqlite3.connect(settings.jobs_dir / "archive.db")) as db:
        # Another model's embeddings cannot be compared with these.
        db.execute(
            "UPDATE archived SET job = replace(job, 'feedfeedfeedfeed', 'beefbeefbeefbeef') WHERE id = ?", (foreign.id,)
        )
        db.commit()
    found = get(client, f"/api/v1/similar?job={job.id}&item=14&limit=3")
    assert [(match["job"], match["item"]["index"]) for match in found["found"][:2]] == [(job.id, 14), (other.id, 3)]
    assert found["found"][2]["item"]["index"] == 5
    assert len({match["item"]["sha256"] for match in found["found"]}) == 3
    assert found["compared"] == len(rows) + 2
    alone = get(client, f"/api/v1/similar?job={job.id}&item=14&within=job&limit=500")
    assert {match["job"] for match in alone["found"]} == {job.id}
    page = client.get(f"/similar?job={job.id}&item=14").get_data(as_text=True)
    assert "other" in page
    assert "foreign" not in page


def test_like_a_sample_of_the_bank(client: FlaskClient, settings: Settings, job: Job) -> None:
    store = BankStore(settings)
    bank = store.load()
    add_vectors(settings, job.id, {21: bank.vectors[9].astype(np.float32)})
    with closing(sqlite3.connect(settings.jobs_dir / "archive.db")) as db:
        db.execute("UPDATE archived SET job = replace(job, 'feedfeedfeedfeed', ?)", (bank.identity,))
        db.commit()
    sample = bank.ids[9].decode()
    found = get(client, f"/api/v1/similar?bank={job.bank}&sample={sample}&limit=1")["found"]
    assert [(match["item"]["index"], match["similarity"]) for match in found] == [(21, pytest.approx(1, abs=1e-3))]
    assert client.get(f"/api/v1/similar?bank={job.bank}&sample=none").status_code == 404


@pytest.mark.parametrize(
    ("lang", "some", "none"),
    [("en", "The photos from here on", "No photo is more alike"), ("zh", "以下照片的", "没有照片的")],
)
def test_what_is_probably_another_fabric_is_told(
    client: FlaskClient, settings: Settings, job: Job, lang: str, some: str, none: str
) -> None:
    found = get(client, f"/api/v1/similar?job={job.id}&item=14&limit=30")
    least = found["alike_above"]
    alike = [match["item"]["index"] for match in found["found"] if match["similarity"] >= least]
    assert set(range(4, 100, 10)) - {14} <= set(alike)
    assert len(alike) < len(found["found"])
    address = "/similar?job={}&item={}&lang={}"
    page = client.get(address.format(job.id, 14, lang), headers={"Accept": "text/html"}).text
    assert (some in page, none in page) == (True, False)
    # A photo that nothing looks like, but itself is among what is found: within its job.
    rows = {0: -np.ones(32), **{at: np.ones(32) + 0.1 * np.eye(32)[at % 32] for at in range(1, 49)}}
    other = archived_job(settings, 49, job.bank, "alone")
    add_vectors(settings, other.id, rows)
    page = client.get(address.format(other.id, 0, lang) + f"&among={other.id}", headers={"Accept": "text/html"}).text
    assert some in page or none in page
    # Of a bank that is gone nothing can be said, and the rest is found.
    shutil.rmtree(BankStore(settings).folder(job.bank))
    gone = get(client, f"/api/v1/similar?job={other.id}&item=1")
    assert gone["found"]


@pytest.mark.parametrize(
    "query", ["", "job=large300", "item=3", "job=large300&item=3&bank=x&sample=y", "bank=x&sample=y&within=job"]
)
def test_a_search_for_nothing_or_for_two_is_refused(client: FlaskClient, query: str) -> None:
    assert client.get(f"/api/v1/similar?{query}").status_code == 400
    # The page without any of them is that of the form for a photo of one's own.
    assert client.get(f"/similar?{query}").status_code == (400 if query else 200)


def test_a_group_without_a_class_gets_one(client: FlaskClient, job: Job) -> None:
    address = f"/api/v1/jobs/{job.id}/groups"
    (group,) = get(client, address)["groups"]
    assert sorted(group["items"]) == list(range(4, 100, 10))
    assert "10 photos look like one cloth" in client.get(f"/jobs/{job.id}/groups").get_data(as_text=True)
    form = {"of": "unknown", "items": ",".join(map(str, group["items"])), "label": "bouclé"}
    done = client.post(f"/jobs/{job.id}/groups", data=form, follow_redirects=True).get_data(as_text=True)
    assert "10 photos are now “bouclé”" in done
    assert "no three look like one cloth" in done
    assert get(client, address)["groups"] == []
    named = get(client, f"/api/v1/jobs/{job.id}/items?label=boucl%C3%A9")["items"]
    assert sorted(item["index"] for item in named) == sorted(group["items"])
    # One act, which can be undone like any other.
    (act,) = get(client, f"/api/v1/jobs/{job.id}/reviews")["acts"]
    assert act["photos"] == 10
    assert client.post(f"/api/v1/jobs/{job.id}/reviews/{act['act']}/undo").status_code == 200
    assert len(get(client, address)["groups"]) == 1


def test_copies_of_one_photo(client: FlaskClient, job: Job) -> None:
    groups = get(client, f"/api/v1/jobs/{job.id}/groups?of=copies")["groups"]
    assert [sorted(group["items"]) for group in groups] == [[7, 8]]
    assert "2 copies of one photo" in client.get(f"/jobs/{job.id}/groups?of=copies").get_data(as_text=True)


def test_odd_forms_and_files_are_refused(client: FlaskClient, settings: Settings, job: Job) -> None:
    for form in ({"items": "4", "label": " "}, {"items": "4,x", "label": "a"}, {"items": "", "label": "a"}):
        assert client.post(f"/jobs/{job.id}/groups", data=form).status_code == 400
    assert client.get(f"/jobs/{job.id}/groups?of=else").status_code == 400
    assert client.get("/jobs/nosuchjob/groups").status_code == 404
    projection_path(settings, job.id).write_bytes(b"no database")
    assert client.get(f"/api/v1/jobs/{job.id}/groups").status_code == 503


def test_the_process_that_compares_is_started_again(client: FlaskClient, job: Job) -> None:
    address = f"/api/v1/jobs/{job.id}/items?like=14&sort=similar&limit=1"
    assert get(client, address)["items"]
    child = client.application.extensions["weft"].similar._child._child
    child.kill()
    child.wait()
    assert get(client, f"/api/v1/similar?job={job.id}&item=14&within=job")["found"]


def test_older_jobs_are_found_in_the_archive(
    client: FlaskClient, settings: Settings, job: Job, rows: dict[int, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = archived_job(settings, 60, job.bank, "older")
    with closing(sqlite3.connect(projection_path(settings, other.id))) as results:
        results.execute("UPDATE items SET sha256 = 'older' || idx WHERE idx IN (3, 5)")
        results.commit()
    add_vectors(settings, other.id, {3: rows[14] + 0.001, 5: rows[44] + 0.002, 6: -rows[14]})
    # The newest job alone is as many as are compared one by one.
    monkeypatch.setattr(server, "MOST_COMPARED", 1)
    answering = server.Server(settings)
    monkeypatch.setattr(Similar, "_ask", lambda self, request: answering.answer(request))
    found = get(client, f"/api/v1/similar?job={job.id}&item=14&limit=3")
    assert found["jobs_left_out"] == 0
    assert found["compared"] == len(rows) + 3
    assert [(match["job"], match["item"]["index"]) for match in found["found"][:2]] == [(job.id, 14), (other.id, 3)]
    assert (settings.data_dir / "similar" / job.identity / "state.json").is_file()


def test_filters_of_all_jobs(client: FlaskClient, settings: Settings, job: Job, rows: dict[int, np.ndarray]) -> None:
    base = f"/api/v1/similar?job={job.id}&item=14&limit=20"
    sure = get(client, f"{base}&verdict=label")["found"]
    assert {match["item"]["verdict"] for match in sure} == {"label"}
    assert len(sure) == 20
    label = sure[0]["item"]["final_label"]
    assert {match["item"]["final_label"] for match in get(client, f"{base}&label={label}")["found"]} == {label}
    assert get(client, f"{base}&review=confirmed")["found"] == []
    assert get(client, f"{base}&until=1000")["found"] == []
    assert get(client, f"{base}&since=1000&among={job.id}")["found"]
    assert get(client, f"{base}&among=none")["found"] == []
    assert client.get(f"{base}&verdict=perhaps").status_code == 400
    assert client.get(f"{base}&since=nan").status_code == 400


def test_the_archive_is_rebuilt_and_filled(
    settings: Settings, job: Job, rows: dict[int, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    def weft(*words: str) -> dict[str, Any]:
        assert cli.run([*words, "--data-dir", str(settings.data_dir), "--json"]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    first = weft("similar", "rebuild")
    assert (first["jobs"], first["photos"]) == (1, len(rows))
    other = archived_job(settings, 20, job.bank, "later")
    add_vectors(settings, other.id, {1: rows[14]})
    assert weft("similar", "fill") | {"seconds": 0} == {"jobs": 1, "photos": 1, "seconds": 0}
    assert weft("similar", "fill")["jobs"] == 0
    assert archive_of(settings, job.identity).known() == {job.id: len(rows), other.id: 1}
    again = weft("similar", "rebuild")
    assert (again["jobs"], again["photos"]) == (2, len(rows) + 1)


def test_the_dispatcher_fills_the_archive(
    settings: Settings, job: Job, rows: dict[int, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = archived_job(settings, 40, job.bank, "newer")
    monkeypatch.setattr(archiving, "MOST_COMPARED", 30)
    archiver = archiving.Archiver(settings, Ledger.connect(settings))
    try:
        archiver.round()
        archiver.round()
    finally:
        archiver.end()
    # The newest job is compared one by one.
    known = archive_of(settings, job.identity).known()
    assert known == {job.id: len(rows)}
    assert newer.id not in known
