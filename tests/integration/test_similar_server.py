"""Photos of all jobs on a bank server: filled from results files, found there, and as current as the files are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job
from shared.jobs.projection import projection_path
from shared.similar import photo_filling, photo_graph, photo_tables
from shared.similar import server as answering
from shared.similar.client import Similar, Source, Wanted
from shared.similar.photo_tables import BankServer
from shared.similar.sources import sources
from tests.bank_servers import Server, needs_servers, server, url
from tests.large_jobs import add_vectors, archived_job, job_with_vectors, look_alike_rows, random_rows
from tests.served_photos import counted, fill, number, unit
from tests.web_server import site_client

pytestmark = needs_servers

COUNT = 300
IDENTITY = "feedfeedfeedfeed"


@pytest.fixture(scope="module")
def primary() -> Iterator[Server]:
    with server() as one:
        yield one


@pytest.fixture
def served(settings: Settings, redis_pair: embedded.Pair, primary: Server) -> Iterator[Settings]:
    yield settings.model_copy(update={"index_url": SecretStr(url(primary))})
    primary.sql("DROP SCHEMA IF EXISTS weft_similar CASCADE")


@pytest.fixture
def bank_server(served: Settings) -> Iterator[BankServer]:
    made = photo_tables.photo_server(served)
    assert made is not None
    yield made
    made.close()


@pytest.fixture
def rows(settings: Settings) -> dict[int, np.ndarray]:
    """Photos 4, 14, 24 … 94 (all not in bank) are of one cloth, 7 and 8 one photo; the others look like nothing."""
    return look_alike_rows(COUNT)


@pytest.fixture
def job(served: Settings, rows: dict[int, np.ndarray]) -> Job:
    return job_with_vectors(served, COUNT, rows)


@pytest.fixture
def client(served: Settings, job: Job, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """What the child of the web process does is done here, by the bank server of the settings."""
    child = answering.Server(served)
    monkeypatch.setattr(Similar, "_ask", lambda self, request: child.answer(request))
    with site_client(served) as found:
        yield found
    child.close()


def get(client: FlaskClient, address: str) -> Any:
    answer = client.get(address)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


def test_filled_once_and_then_left_alone(
    served: Settings, bank_server: BankServer, primary: Server, job: Job, rows: dict[int, np.ndarray]
) -> None:
    assert fill(served, bank_server) > 0
    assert counted(primary) == (len(rows),) * 3
    assert fill(served, bank_server) == 0
    other = archived_job(served, 50, job.bank, "other")
    add_vectors(served, other.id, {3: rows[14], 5: rows[4]})
    assert fill(served, bank_server) > 0
    assert counted(primary) == (len(rows) + 2,) * 3


def test_the_same_neighbours_as_by_numpy(
    served: Settings, bank_server: BankServer, job: Job, rows: dict[int, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compared one by one and, with a graph, nearly all of them."""
    fill(served, bank_server)
    matrix = np.stack([unit(rows[item]) for item in rows])
    items = list(rows)
    for graph in (False, True):
        if graph:
            for module in (photo_tables, photo_graph):
                monkeypatch.setattr(module, "EXACT", 10)
            assert photo_filling.fill(bank_server, served, sources(Ledger.connect(served)), 9) == 0
            assert photo_graph.make_graphs(bank_server) == 1
            assert photo_graph.make_graphs(bank_server) == 0
        hits = 0
        for item in items[::15]:
            query = unit(rows[item])
            cosines = matrix @ query
            right = {items[at] for at in np.argsort(-cosines)[:10]}
            found = photo_tables.search(bank_server, IDENTITY, query, Wanted(), 10)
            assert found.compared == len(rows)
            assert found.known == {job.id}
            assert found.found[0][0] == pytest.approx(1, abs=2e-3)
            for cosine, _, at in found.found:
                assert cosine == pytest.approx(cosines[items.index(at)], abs=2e-3)
            hits += len(right & {at for _, _, at in found.found})
        assert hits >= (0.95 if graph else 1) * 10 * len(items[::15])


@pytest.mark.parametrize("graph", [False, True])
def test_filters_are_exact(
    client: FlaskClient,
    served: Settings,
    bank_server: BankServer,
    job: Job,
    rows: dict[int, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    graph: bool,
) -> None:
    fill(served, bank_server)
    if graph:
        for module in (photo_tables, photo_graph):
            monkeypatch.setattr(module, "EXACT", 10)
        assert photo_graph.make_graphs(bank_server) == 1
    base = f"/api/v1/similar?job={job.id}&item=14&limit=500"
    assert get(client, base)["found"][0]["item"]["index"] == 14
    sure = get(client, f"{base}&verdict=label")["found"]
    with closing(sqlite3.connect(projection_path(served, job.id))) as db:
        wanted = db.execute("SELECT count(*) FROM items JOIN vectors USING (idx) WHERE verdict = 'label'").fetchone()[0]
    assert len(sure) == wanted
    assert {match["item"]["verdict"] for match in sure} == {"label"}
    label = sure[0]["item"]["final_label"]
    assert {match["item"]["final_label"] for match in get(client, f"{base}&label={label}")["found"]} == {label}
    assert get(client, f"{base}&review=confirmed")["found"] == []
    assert get(client, f"{base}&until=1000")["found"] == []
    assert len(get(client, f"{base}&since=1000&among={job.id}")["found"]) > 100
    assert get(client, f"{base}&among=none")["found"] == []


def test_what_people_say_is_carried_over(
    client: FlaskClient, served: Settings, bank_server: BankServer, primary: Server, job: Job
) -> None:
    fill(served, bank_server)
    written = f"SELECT max(xmin::text::bigint) FROM weft_similar.photos_{number(primary)}"
    before = primary.sql(written)
    base = f"/api/v1/similar?job={job.id}&item=14"
    assert client.patch(f"/api/v1/jobs/{job.id}/items/24", json={"label": "stripe-1"}).status_code == 200
    assert fill(served, bank_server) == 1
    said = f"SELECT label, review FROM weft_similar.results_{number(primary)} WHERE item = 24"
    assert primary.sql(said) == [("stripe-1", "corrected")]
    # No embedding was written again.
    assert primary.sql(written) == before
    found = get(client, f"{base}&review=corrected")["found"]
    assert [match["item"]["index"] for match in found] == [24]
    assert get(client, f"{base}&review=corrected&label=stripe-1")["found"]
    assert get(client, f"{base}&review=corrected&label=stripe-2")["found"] == []


def test_jobs_that_are_gone_or_changed(
    served: Settings, bank_server: BankServer, primary: Server, job: Job, rows: dict[int, np.ndarray]
) -> None:
    other = archived_job(served, 40, job.bank, "other")
    add_vectors(served, other.id, random_rows(40))
    fill(served, bank_server)
    everything = sources(Ledger.connect(served))
    assert counted(primary)[0] == len(rows) + 40
    # A photo that was tried again has an embedding now, another one none, and a third is another file.
    with closing(sqlite3.connect(projection_path(served, other.id))) as db:
        db.execute("DELETE FROM vectors WHERE idx = 2")
        db.execute("UPDATE items SET sha256 = 'new' WHERE idx = 3")
        db.commit()
    add_vectors(served, other.id, {3: rows[14]})
    assert photo_filling.fill(bank_server, served, everything, 60) > 0
    assert counted(primary) == (len(rows) + 39,) * 3
    found = photo_tables.search(bank_server, IDENTITY, unit(rows[14]), Wanted(job=other.id), 5)
    assert (found.found[0][1:], found.compared) == ((other.id, 3), 39)
    # A job that runs again stays, one that nobody lists any more goes.
    again = [Source(one.id, one.identity, one.created, False) for one in everything]
    assert photo_filling.fill(bank_server, served, again, 60) == 0
    assert photo_filling.fill(bank_server, served, [one for one in everything if one.id == job.id], 60) == 1
    assert counted(primary) == (len(rows),) * 3
    assert photo_filling.fill(bank_server, served, [], 60) == 1
    assert primary.sql("SELECT count(*) FROM weft_similar.models") == [(0,)]
    assert photo_tables.search(bank_server, IDENTITY, unit(rows[14]), Wanted(), 5).known == set()


def test_models_never_mix(
    served: Settings, bank_server: BankServer, job: Job, rows: dict[int, np.ndarray], primary: Server
) -> None:
    fill(served, bank_server)
    other = archived_job(served, 20, job.bank, "another")
    add_vectors(served, other.id, {1: rows[14]})
    told = [one for one in sources(Ledger.connect(served)) if one.id == job.id]
    told.append(Source(other.id, "beefbeefbeefbeef", other.created, True))
    assert photo_filling.fill(bank_server, served, told, 60) > 0
    here = photo_tables.search(bank_server, IDENTITY, unit(rows[14]), Wanted(), 500)
    there = photo_tables.search(bank_server, "beefbeefbeefbeef", unit(rows[14]), Wanted(), 500)
    assert {name for _, name, _ in here.found} == {job.id}
    assert [match[1:] for match in there.found] == [(other.id, 1)]


def test_an_odd_name_of_a_file(served: Settings, bank_server: BankServer, job: Job, primary: Server) -> None:
    with closing(sqlite3.connect(projection_path(served, job.id))) as db:
        db.execute("UPDATE items SET name = 'a' || char(0) || 'b' WHERE idx = 3")
        db.execute("UPDATE items SET name = '布料/1.jpg' WHERE idx = 4")
        db.commit()
    fill(served, bank_server)
    named = f"SELECT name FROM weft_similar.results_{number(primary)} WHERE item IN (3, 4) ORDER BY item"
    assert primary.sql(named)[1] == ("布料/1.jpg",)
    assert fill(served, bank_server) == 0
