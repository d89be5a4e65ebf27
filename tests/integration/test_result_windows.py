"""Any part of a long list, its numbers alone, what to filter by; exports of a selection, in words and as photos."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.curation.folder import Names
from shared.jobs.model import Job
from shared.storage import open_storage
from tests.banks import by_label, clustered, make_bank
from tests.large_jobs import archived_job, made_up_result
from web.app import create_app

pytestmark = pytest.mark.slow

POLL = {"HX-Request": "true"}


@pytest.fixture
def job(settings: Settings, redis_pair: embedded.Pair) -> Job:
    arrays = {f"stripe-{number}": rows for number, rows in enumerate(by_label(clustered(4)).values())}
    names = Names(labels={"stripe-1": {"zh": "牛仔布", "en": "denim"}})
    return archived_job(settings, 300, make_bank(settings, arrays, names=names))


@pytest.fixture
def client(settings: Settings, job: Job) -> Iterator[FlaskClient]:
    with create_app(settings).test_client() as found:
        yield found


def block(client: FlaskClient, job: Job, **query: object) -> list[int]:
    page = client.get(f"/jobs/{job.id}/results", query_string={"part": "block", **query}, headers=POLL).get_data(True)
    return [int(index) for index in re.findall(r'<article class="[^"]+" id="item-(\d+)"', page)]


def positions(client: FlaskClient, job: Job, **query: object) -> Any:
    return client.get(f"/jobs/{job.id}/positions", query_string=query).get_json()["items"]


@pytest.mark.parametrize("sort", ["index", "-index", "confidence", "name", "-margin", "label"])
def test_every_window_of_every_order(client: FlaskClient, job: Job, sort: str) -> None:
    listed = client.get(f"/api/v1/jobs/{job.id}/items", query_string={"sort": sort, "limit": 1000}).get_json()["items"]
    expected = [item["index"] for item in listed]
    assert positions(client, job, sort=sort, to=300) == expected
    assert block(client, job, sort=sort, **{"from": 1}) == expected[:48]
    # A window begins where its block does.
    assert block(client, job, sort=sort, **{"from": 150}) == expected[144:192]
    assert block(client, job, sort=sort, **{"from": 289}) == expected[288:]
    assert positions(client, job, sort=sort, to=14, **{"from": 11}) == expected[10:14]
    assert positions(client, job, view="failed", to=300) == list(range(49, 300, 50))


def test_a_review_is_counted_at_once(client: FlaskClient, job: Job) -> None:
    def count(name: str) -> int:
        page = client.get(f"/jobs/{job.id}/counts", headers=POLL).get_data(True)
        found = re.search(rf'id="count-{name}"[^>]*>([\d,]+)<', page)
        assert found
        assert len(page) < 1000
        return int(found[1])

    assert (count("all"), count("reviewed"), count("failed")) == (300, 0, 6)
    order = positions(client, job, view="unsure", sort="name", to=300)
    act = client.post(f"/api/v1/jobs/{job.id}/reviews", json={"items": order[:2], "review": "rejected"}).get_json()
    assert count("reviewed") == 2
    assert positions(client, job, view="unsure", sort="name", to=300) == order[2:]
    client.post(f"/api/v1/jobs/{job.id}/reviews/{act['act']}/undo")
    assert count("reviewed") == 0
    assert positions(client, job, view="unsure", sort="name", to=300) == order


def test_what_there_is_to_filter_by(client: FlaskClient, job: Job) -> None:
    page = client.get(f"/jobs/{job.id}/facets?camera=NIKON+Z+6", headers=POLL).get_data(True)
    for words in ("Canon EOS R5 (", "2026-04 (", "navy (", 'value="NIKON Z 6" selected'):
        assert words in page
    said = re.search(r"Canon EOS R5 \((\d+)\)", page)
    assert said
    assert int(said[1]) == len(positions(client, job, camera="Canon EOS R5", to=300))
    profile = re.search(r"Display P3 \((\d+)\)", page)
    assert profile
    assert int(profile[1]) == len(positions(client, job, profile="Display P3", to=300)) > 0
    assert 'value="Display P3" selected' in client.get(f"/jobs/{job.id}?profile=Display+P3").get_data(True)
    # Where such a filter is in the address, the page has it without being asked.
    assert 'value="NIKON Z 6" selected' in client.get(f"/jobs/{job.id}?camera=NIKON+Z+6").get_data(True)


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def test_a_table_in_words_and_only_when_asked(client: FlaskClient, job: Job) -> None:
    address = f"/api/v1/jobs/{job.id}/export"
    plain = table(client.get(address, query_string={"items": "0-2,49", "lang": "zh"}).get_data())
    assert [row["index"] for row in plain] == ["0", "1", "2", "49"]
    assert plain[1]["label"] == "stripe-1"
    words = client.get(address, query_string={"items": "0-2,49", "lang": "zh", "headings": "words"})
    rows = table(words.get_data())
    assert [row["状态"] for row in rows] == ["成功", "成功", "成功", "失败"]
    assert (rows[1]["识别类别"], rows[1]["最终类别"], rows[1]["结论"]) == ("牛仔布", "牛仔布", "已识别")
    assert "%E5%B7%B2%E7%AD%9B%E9%80%89" in words.headers["Content-Disposition"]
    assert "headings=words" in client.get(f"/jobs/{job.id}?lang=zh").get_data(True)
    for wrong in ("5-", "a", "1,,2", "0-99999999999"):
        assert client.get(address, query_string={"items": wrong}).status_code == 400, wrong
    assert client.get(address, query_string={"items": "0-4000000000"}).status_code == 400


def test_a_selection_too_long_for_an_address(client: FlaskClient, job: Job) -> None:
    form = {"items": ",".join(str(index) for index in range(0, 300, 2)), "format": "jsonl"}
    sent = client.post(f"/jobs/{job.id}/export", data=form)
    assert len(sent.get_data().splitlines()) == 150
    chosen = client.post(f"/jobs/{job.id}/export", data={"filters": "status=failed&sort=-index", "format": "jsonl"})
    assert len(chosen.get_data().splitlines()) == 6
    assert client.post(f"/jobs/{job.id}/export", data={"format": "exe"}).status_code == 400


def test_photos_in_a_folder_for_each_class(client: FlaskClient, settings: Settings, job: Job) -> None:
    storage = open_storage(settings)
    client.patch(f"/api/v1/jobs/{job.id}/items/2", json={"label": "../../etc", "new_class": True})
    for index in (0, 1, 2, 3):
        data = f"photo {index}".encode()
        name = made_up_result(index, 4).name
        storage.put(data, hashlib.sha256(name.encode()).hexdigest())
    answer = client.get(f"/api/v1/jobs/{job.id}/export?format=folders&items=0-4,49&lang=zh")
    assert answer.mimetype == "application/zip"
    assert ".zip" in answer.headers["Content-Disposition"]
    archive = zipfile.ZipFile(io.BytesIO(answer.get_data()))
    assert archive.testzip() is None
    assert archive.read("牛仔布/DSC000001.jpg") == b"photo 1"
    assert archive.read("_不确定/DSC000003.jpg") == b"photo 3"
    folders = {name.split("/")[0] for name in archive.namelist()}
    assert ".." not in folders
    assert len(archive.namelist()) == 5
    missing = archive.read("missing.txt").decode().splitlines()
    assert missing == [made_up_result(4, 4).name, made_up_result(49, 4).name]
