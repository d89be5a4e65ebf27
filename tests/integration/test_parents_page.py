"""A photo whose group of classes is certain says so on cards and in exports; one click gives it its class."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from flask.testing import FlaskClient

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.curation.folder import Names
from shared.jobs.model import Job
from shared.jobs.projection import open_projection
from shared.ranking.model import Verdict
from tests.banks import clustered, make_bank
from tests.large_jobs import archived_job
from tests.web_server import site_client


@pytest.fixture
def job(settings: Settings, redis_pair: embedded.Pair) -> Job:
    """Photo 3 is a chiffon, but whether crinkle (its best class) or pearl is unsure."""
    arrays = dict(zip(("stripe-0", "stripe-1", "stripe-2", "stripe-3"), clustered(4).astype("float32"), strict=True))
    names: dict[str, str | dict[str, str]] = {
        "stripe-3": {"zh": "顺纡雪纺", "en": "Crinkle", "parent": "chiffon"},
        "stripe-0": {"zh": "珍珠雪纺", "en": "Pearl", "parent": "chiffon"},
        "chiffon": {"zh": "雪纺", "en": "Chiffon"},
    }
    job = archived_job(settings, 40, make_bank(settings, arrays, names=Names(labels=names)))
    with closing(open_projection(settings, job.id)) as projection:
        held = json.dumps({"parent/1": ["chiffon", 0.94, "雪纺", "Chiffon"]})
        projection._db.execute(f"UPDATE items SET verdict = '{Verdict.UNSURE}', extra = ? WHERE idx = 3", (held,))
    return job


@pytest.fixture
def client(settings: Settings, job: Job) -> Iterator[FlaskClient]:
    with site_client(settings) as found:
        yield found


def card(client: FlaskClient, job: Job, lang: str) -> str:
    page = client.get(f"/jobs/{job.id}?lang={lang}&view=unsure").get_data(as_text=True)
    found = re.search(r'<article [^>]*id="item-3">.*?</article>', page, re.DOTALL)
    assert found
    return found[0]


def test_the_card_names_the_group_and_offers_its_classes(client: FlaskClient, job: Job) -> None:
    english, chinese = card(client, job, "en"), card(client, job, "zh")
    assert "Chiffon, kind unsure" in english
    assert "It is Chiffon with 94% confidence, but which kind is unsure." in english
    assert "雪纺（具体哪一种不确定）" in chinese
    offered = re.findall(r'<button [^>]*id="child-3-\d"[^>]*>([^<]+)</button>', english)
    assert offered == ["Crinkle", "Pearl"]
    assert 'id="confirm-3"' not in english
    assert "Chiffon, kind unsure" in client.get(f"/jobs/{job.id}/review?at=3&lang=en").get_data(as_text=True)


def test_one_click_gives_the_photo_its_class(client: FlaskClient, job: Job) -> None:
    button = re.search(r'id="child-3-2" hx-post="([^"]+)" hx-vals="([^"]+)"', card(client, job, "en"))
    assert button
    sent = json.loads(button[2].replace("&#34;", '"').replace("&quot;", '"'))
    assert sent == {"label": "stripe-0"}
    assert client.patch(f"/api/v1/jobs/{job.id}/items/3", json=sent).status_code == 200
    item = client.get(f"/api/v1/jobs/{job.id}/items?cursor=&limit=10").get_json()["items"][3]
    assert (item["verdict"], item["label"], item["corrected"]) == ("unsure", "stripe-3", "stripe-0")
    assert item["parent"]["label"] == "chiffon"


def test_the_group_is_in_api_and_exports(client: FlaskClient, job: Job) -> None:
    items = client.get(f"/api/v1/jobs/{job.id}/items", headers={"Accept-Language": "zh"}).get_json()["items"]
    assert items[3]["parent"] == {"label": "chiffon", "name": "雪纺", "confidence": 0.94}
    assert (items[3]["final_label"], items[2]["parent"]) == (None, None)
    table = client.get(f"/api/v1/jobs/{job.id}/export?format=csv").get_data().decode("utf-8-sig")
    row = list(csv.DictReader(io.StringIO(table)))[3]
    assert (row["parent"], row["parent_confidence"]) == ("chiffon", "0.94")


def test_a_right_group_counts_apart_in_the_summary(client: FlaskClient, settings: Settings, job: Job) -> None:
    with closing(open_projection(settings, job.id)) as projection:
        projection._db.execute("UPDATE items SET name = 'stripe-0/' || idx || '.jpg' WHERE idx < 20")
    page = client.get(f"/jobs/{job.id}/summary?lang=en").get_data(as_text=True)
    assert re.search(r"Right groups, where the class is unsure</dt><dd>1 / 1</dd>", page)
