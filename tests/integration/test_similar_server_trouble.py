"""The bank server with the photos of all jobs: killed, away, refusing; photos are added once, and pages answer."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from scripts.cli import main as cli
from scripts.supervisor import redis as embedded
from shared.core.errors import Conflict, WeftError
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job
from shared.similar import photo_filling, photo_graph, photo_tables
from shared.similar import server as answering
from shared.similar.client import Similar, Wanted
from shared.similar.photo_tables import BankServer
from shared.similar.sources import sources
from tests.bank_servers import Server, caught_up, needs_servers, pair, url
from tests.environment import clean_environment
from tests.large_jobs import add_vectors, archived_job, job_with_vectors, look_alike_rows, random_rows
from tests.product import eventually
from tests.served_photos import counted, fill, number, unit
from tests.web_server import site_client
from worker.dispatcher import archiving

pytestmark = needs_servers

COUNT = 300
IDENTITY = "feedfeedfeedfeed"
#: Fills the tables in tiny steps, so that it can be killed in the midst of many.
_SLOW = """
import json, sys
from pydantic import SecretStr
from shared.core.settings import Settings
from shared.similar import photo_filling, photo_tables
from shared.similar.client import Source
told = json.loads(sys.argv[1])
settings = Settings(data_dir=told["data_dir"], index_url=SecretStr(told["url"]))
photo_filling._ADDED = 2
made = [Source(*one) for one in told["sources"]]
photo_filling.fill(photo_tables.photo_server(settings), settings, made, 600)
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    with pair() as both:
        yield both


@pytest.fixture
def served(settings: Settings, redis_pair: embedded.Pair, servers: tuple[Server, Server]) -> Iterator[Settings]:
    yield settings.model_copy(update={"index_url": SecretStr(url(*servers))})
    for one in servers:
        if one.process is None:
            one.start()
        one.go_on()
    servers[0].sql("DROP SCHEMA IF EXISTS weft_similar CASCADE")


@pytest.fixture
def bank_server(served: Settings) -> Iterator[BankServer]:
    made = photo_tables.photo_server(served)
    assert made is not None
    yield made
    made.close()


@pytest.fixture
def rows() -> dict[int, np.ndarray]:
    return look_alike_rows(COUNT)


@pytest.fixture
def job(served: Settings, rows: dict[int, np.ndarray]) -> Job:
    return job_with_vectors(served, COUNT, rows)


@pytest.fixture
def client(served: Settings, job: Job, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    with site_of(served, monkeypatch) as found:
        yield found


def site_of(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    child = answering.Server(settings)
    monkeypatch.setattr(Similar, "_ask", lambda self, request: child.answer(request))
    monkeypatch.setattr(Similar, "close", lambda self: child.close())
    return site_client(settings)


def refused(settings: Settings, address: str) -> WeftError:
    server = photo_tables.photo_server(settings.model_copy(update={"index_url": SecretStr(address)}))
    assert server is not None
    with pytest.raises(WeftError) as error:
        fill(settings, server)
    server.close()
    return error.value


def test_killed_again_and_again_while_it_fills(
    served: Settings, bank_server: BankServer, servers: tuple[Server, Server], job: Job, rows: dict[int, np.ndarray]
) -> None:
    assert served.index_url is not None
    told = {
        "data_dir": str(served.data_dir),
        "url": served.index_url.get_secret_value(),
        "sources": [[one.id, one.identity, one.created, one.ended] for one in sources(Ledger.connect(served))],
    }
    killed, seen = 0, 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", _SLOW, json.dumps(told)], env=clean_environment())

        def further(before: int = seen, process: subprocess.Popen[bytes] = process) -> bool:
            return process.poll() is not None or rows_there(servers[0]) > before

        eventually(further, 60, "photos on the server")
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        photos, results, counted_there = counted(servers[0])
        assert photos == results == counted_there
        seen = photos
    assert killed >= 1
    eventually(lambda: fill(served, bank_server) > 0 or rows_there(servers[0]) == len(rows), 30, "the rest")
    assert counted(servers[0]) == (len(rows),) * 3
    assert photo_tables.search(bank_server, IDENTITY, unit(rows[14]), Wanted(), 1).known == {job.id}


def matches(answer: Any) -> list[tuple[int, float]]:
    return [(match["item"]["index"], match["similarity"]) for match in answer["found"]]


def rows_there(server: Server) -> int:
    try:
        return counted(server)[0]
    except Exception:
        # Not made yet.
        return 0


def test_the_server_is_killed_while_it_is_filled(
    served: Settings,
    bank_server: BankServer,
    servers: tuple[Server, Server],
    job: Job,
    rows: dict[int, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(photo_filling, "_ADDED", 2)
    failed: list[WeftError] = []

    def filling() -> None:
        try:
            fill(served, bank_server)
        except WeftError as error:
            failed.append(error)

    thread = threading.Thread(target=filling)
    thread.start()
    eventually(lambda: rows_there(servers[0]) > 0, 60, "photos on the server")
    servers[0].kill()
    thread.join(60)
    assert not thread.is_alive()
    assert [error.code for error in failed] == ["index_unavailable"]
    servers[0].start()
    assert 0 < rows_there(servers[0]) < len(rows)
    assert fill(served, bank_server) > 0
    assert counted(servers[0]) == (len(rows),) * 3


def test_away_and_back(
    client: FlaskClient, served: Settings, bank_server: BankServer, servers: tuple[Server, Server], job: Job
) -> None:
    fill(served, bank_server)
    caught_up(*servers)
    base = f"/api/v1/similar?job={job.id}&item=14&limit=10"
    before = client.get(base).get_json()
    assert before["away"] is None
    # The replica answers for a primary that is gone.
    servers[0].kill()
    assert client.get(base).get_json() == before
    servers[1].kill()
    away = client.get(base).get_json()
    assert away["away"]["code"] == "similar_unavailable"
    assert [match["item"]["index"] for match in away["found"]] == [match["item"]["index"] for match in before["found"]]
    for lang, words in (("en", "does not answer"), ("zh", "没有应答")):
        page = client.get(f"/similar?job={job.id}&item=14&lang={lang}", headers={"Accept": "text/html"}).text
        told = page.split('id="server-away"')[1].split("</p>")[0]
        assert words in told
        assert "similar_unavailable" in told
        assert 'class="alike"' in page
    servers[0].start()
    servers[1].start()
    eventually(lambda: client.get(base).get_json()["away"] is None, 30, "the server")
    assert matches(client.get(base).get_json()) == matches(before)


def test_the_process_that_compares_tells_of_it(served: Settings, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it logs is not among its answers."""
    monkeypatch.setenv("WEFT_INDEX_URL", "postgresql://weft:x@127.0.0.1:1/weft")
    with site_client(served) as client:
        for _ in range(2):
            found = client.get(f"/api/v1/similar?job={job.id}&item=14&limit=10").get_json()
            assert (found["away"]["code"], len(found["found"])) == ("similar_unavailable", 10)


def test_one_that_stands_still_is_given_up(
    client: FlaskClient, served: Settings, bank_server: BankServer, servers: tuple[Server, Server], job: Job
) -> None:
    fill(served, bank_server)
    caught_up(*servers)
    base = f"/api/v1/similar?job={job.id}&item=14&limit=10"
    before = client.get(base).get_json()
    servers[0].stand_still()
    # Cut by a timer of our own; then the next host of the URL answers.
    assert client.get(base).get_json() == before
    servers[0].go_on()


@pytest.mark.parametrize(
    ("wrong", "code"), [({"password": "wrong"}, "similar_denied"), ({"database": "nothing"}, "similar_denied")]
)
def test_a_wrong_password_or_database(
    served: Settings,
    servers: tuple[Server, Server],
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
    wrong: dict[str, str],
    code: str,
) -> None:
    address = url(*servers, **wrong)
    assert refused(served, address).code == "index_denied"
    with site_of(served.model_copy(update={"index_url": SecretStr(address)}), monkeypatch) as client:
        found = client.get(f"/api/v1/similar?job={job.id}&item=14&limit=3").get_json()
    assert found["away"]["code"] == code
    assert len(found["found"]) == 3


def test_a_replica_alone_is_searched_and_takes_nothing(
    served: Settings, bank_server: BankServer, servers: tuple[Server, Server], job: Job, rows: dict[int, np.ndarray]
) -> None:
    fill(served, bank_server)
    caught_up(*servers)
    alone = served.model_copy(update={"index_url": SecretStr(url(servers[1]))})
    server = photo_tables.photo_server(alone)
    assert server is not None
    assert photo_tables.search(server, IDENTITY, unit(rows[14]), Wanted(verdict="not_in_bank"), 1).found
    with pytest.raises(Conflict) as error:
        fill(served, server)
    assert error.value.code == "index_read_only"
    server.close()


def test_too_old_or_without_the_extension(
    served: Settings, bank_server: BankServer, servers: tuple[Server, Server], job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_filling, "PGVECTOR", (99, 0))
    assert refused(served, url(*servers)).detail["needed"] == "pgvector 99.0"
    servers[0].sql("DROP EXTENSION vector CASCADE")
    with site_of(served, monkeypatch) as client:
        found = client.get(f"/api/v1/similar?job={job.id}&item=14&limit=3").get_json()
    assert (found["away"]["code"], len(found["found"])) == ("similar_unusable", 3)
    assert "index_no_extension" in found["away"]["message"]
    monkeypatch.undo()
    assert fill(served, bank_server) > 0


def test_rebuilt_and_filled_by_command(
    served: Settings,
    bank_server: BankServer,
    servers: tuple[Server, Server],
    job: Job,
    rows: dict[int, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert served.index_url is not None
    monkeypatch.setenv("WEFT_INDEX_URL", served.index_url.get_secret_value())
    for module in (photo_tables, photo_graph):
        monkeypatch.setattr(module, "EXACT", 10)

    def weft(*words: str, code: int = 0) -> dict[str, Any]:
        assert cli.run([*words, "--data-dir", str(served.data_dir), "--json"]) == code
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    assert weft("similar", "rebuild") | {"seconds": 0} == {"jobs": 1, "photos": len(rows), "seconds": 0}
    other = archived_job(served, 20, job.bank, "later")
    add_vectors(served, other.id, {1: rows[14]})
    assert weft("similar", "fill") | {"seconds": 0} == {"jobs": 1, "photos": 1, "seconds": 0}
    # What somebody changed by hand is as it was before.
    servers[0].sql(f"DELETE FROM weft_similar.photos_{number(servers[0])} WHERE item < 100")
    assert weft("similar", "rebuild")["photos"] == len(rows) + 1
    assert counted(servers[0]) == (len(rows) + 1,) * 3
    assert not (served.data_dir / "similar").exists()
    assert weft("similar", "rebuild", "--files")["photos"] == len(rows) + 1
    # Another process is at it.
    monkeypatch.setattr(photo_filling, "_PATIENCE", 1)
    import psycopg

    with psycopg.connect(servers[0].url) as held:
        held.execute(photo_tables._LOCK)
        told = weft("similar", "fill", code=1)
        assert told["error"]["code"] == "similar_busy", told


def test_the_dispatcher_fills_it_and_a_page_finds_it(
    served: Settings,
    servers: tuple[Server, Server],
    job: Job,
    rows: dict[int, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the processes that read and compare, as in an installation."""
    assert served.index_url is not None
    monkeypatch.setenv("WEFT_INDEX_URL", served.index_url.get_secret_value())
    other = archived_job(served, 40, job.bank, "other")
    add_vectors(served, other.id, random_rows(40))
    archiver = archiving.Archiver(served, Ledger.connect(served))
    try:
        assert archiver.pause < 600
        archiver.round()
        assert counted(servers[0]) == (len(rows) + 40,) * 3
        Path(served.jobs_dir / f"{other.id}.sqlite").unlink()
        archiver.round()
        assert counted(servers[0]) == (len(rows),) * 3
    finally:
        archiver.end()
    with site_client(served) as client:
        base = f"/api/v1/similar?job={job.id}&item=14&limit=10"
        found = client.get(base).get_json()
        assert (found["away"], found["compared"]) == (None, len(rows))
        assert {match["item"]["index"] for match in found["found"]} == set(range(4, 100, 10))


def test_a_graph_is_made_beside_other_work(
    served: Settings, bank_server: BankServer, servers: tuple[Server, Server], job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_graph, "EXACT", 10)
    child = answering.Server(served)
    told = [[one.id, one.identity, one.created, one.ended] for one in sources(Ledger.connect(served))]
    while child.answer({"do": "serve", "sources": told})["done"]:
        pass

    model = photo_tables.Model(number(servers[0]), 512)
    eventually(lambda: bank_server.ask(lambda at: photo_tables.is_indexed(at, model)), 60, "the graph")
    eventually(lambda: child._graphs is not None and not child._graphs.under_way, 30, "the thread")
    child.close()
