"""A correction may name its class in any language: everywhere it means that class; unknown names are asked about."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from scripts.cli import main as cli
from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.curation.folder import Names
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job, Lane
from shared.jobs.projection import caught_up
from shared.jobs.reviews import Review
from tests.banks import INFO, by_label, clustered, make_bank
from tests.ledger_harness import LedgerHarness, photos, spec
from web.app import create_app

NAMES = Names(labels={"class-0": {"zh": "牛仔布", "en": "denim"}, "class-1": "帆布"}, aliases={"class-2": ["kord"]})
ZH = {"Accept-Language": "zh"}
SCRIPTED = ZH | {"HX-Request": "true"}


@pytest.fixture
def job(settings: Settings, redis_pair: embedded.Pair) -> Job:
    """Six photos: two of each of class-0, class-1 and class-2, as predicted."""
    arrays = {f"class-{number}": rows for number, rows in enumerate(by_label(clustered(3)).values())}
    version = make_bank(settings, arrays, names=NAMES)
    harness = LedgerHarness(Ledger.connect(settings))
    wish = replace(spec("swatches", Lane.INTERACTIVE, kind="upload"), bank=version, identity=INFO.identity)
    made = harness.ledger.submit(wish, photos(6))
    harness.drain(harness.worker(identity=INFO.identity), Lane.INTERACTIVE)
    return harness.ledger.job(made.id)


@pytest.fixture
def client(settings: Settings, job: Job) -> Iterator[FlaskClient]:
    with create_app(settings).test_client() as found:
        yield found


def correct(client: FlaskClient, job: Job, index: int, **wish: object) -> tuple[int, dict[str, object]]:
    response = client.patch(f"/api/v1/jobs/{job.id}/items/{index}", json=wish, headers=ZH)
    return response.status_code, response.get_json()


@pytest.mark.parametrize("typed", ["牛仔布", "class-0", "Denim", " ｄｅｎｉｍ", "CLASS-0"])
def test_a_name_of_a_class_means_the_class(client: FlaskClient, job: Job, typed: str) -> None:
    assert correct(client, job, 1, label=typed)[1]["corrected"] == "class-0"
    listed = client.get(f"/api/v1/jobs/{job.id}/items", query_string={"label": typed}).get_json()["items"]
    assert [item["index"] for item in listed] == [0, 1, 3]


def test_an_alias_means_its_class(client: FlaskClient, job: Job) -> None:
    assert correct(client, job, 0, label="KORD")[1]["corrected"] == "class-2"


def test_a_name_of_no_class_is_asked_about_and_nothing_is_stored(client: FlaskClient, job: Job) -> None:
    status, problem = correct(client, job, 0, label="牛仔")
    assert (status, problem["code"]) == (409, "unknown_class")
    assert "牛仔布" in str(problem["detail"])
    assert problem["near"] == [{"label": "class-0", "zh": "牛仔布", "en": "denim"}]
    assert client.get(f"/api/v1/jobs/{job.id}/items").get_json()["items"][0]["corrected"] is None

    assert correct(client, job, 0, label="Tweed", new_class=True)[1]["corrected"] == "Tweed"
    # Asked once: the job knows the class now, in whatever case it is typed.
    assert correct(client, job, 1, label="tweed")[1]["corrected"] == "Tweed"


def test_stored_names_are_read_as_their_class(client: FlaskClient, settings: Settings, job: Job) -> None:
    with caught_up(settings, Ledger.connect(settings), job.id) as projection:
        projection.review(1, Review(label="牛仔布"))  # as earlier versions stored it
    page = client.get(f"/jobs/{job.id}", headers=ZH).get_data(as_text=True)
    assert re.findall(r'<option value="(class-\d)" +>([^<]+)', page) == [
        *(("class-0", "牛仔布 (3)"), ("class-2", "class-2 (2)"), ("class-1", "帆布 (1)"))
    ]
    export = client.get(f"/api/v1/jobs/{job.id}/export").get_data().decode("utf-8-sig")
    assert {row["corrected"] for row in csv.DictReader(io.StringIO(export))} == {"", "class-0"}


def test_the_command_line_reads_them_alike(
    client: FlaskClient, settings: Settings, job: Job, capfd: pytest.CaptureFixture[str]
) -> None:
    with caught_up(settings, Ledger.connect(settings), job.id) as projection:
        projection.review(1, Review(label="牛仔布"))
    assert cli.run(["export", job.id, "--format", "jsonl", "--data-dir", str(settings.data_dir)]) == 0
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [row["corrected"] for row in rows] == [None, "class-0", None, None, None, None]


def test_the_page_asks_in_chinese_and_offers_both_ways(client: FlaskClient, job: Job) -> None:
    page = client.get(f"/jobs/{job.id}", headers=ZH).get_data(as_text=True)
    assert '<option value="牛仔布">class-0</option>' in page
    card = client.post(f"/jobs/{job.id}/items/1", data={"label": "牛仔"}, headers=SCRIPTED).get_data(as_text=True)
    assert "没有名为“牛仔”的类别。" in card
    assert "您是否指：" in card
    assert "新建类别“牛仔”" in card
    card = client.post(f"/jobs/{job.id}/items/1", data={"label": "牛仔布"}, headers=SCRIPTED).get_data(as_text=True)
    assert "系统识别：帆布，90%" in card
    assert "<meter" not in card


def test_a_class_of_the_bank_is_found_by_any_name(client: FlaskClient, job: Job) -> None:
    assert client.get("/api/v1/bank/classes/牛仔布").get_json()["label"] == "class-0"
