"""Photos that should be taken again, on a job's page and among the copies of one photo."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from flask.testing import FlaskClient

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.jobs.model import Job
from shared.jobs.projection import open_projection
from tests.large_jobs import job_with_vectors, random_rows
from tests.web_server import site_client

COUNT = 100
CHIP = re.compile(r'<a class="chip" id="retakes"[^>]*>.*?</a>', re.DOTALL)


@pytest.fixture
def job(settings: Settings, redis_pair: embedded.Pair) -> Job:
    """Photos 7 and 8 have one embedding, and so have 17 and 18, which both show hardly any cloth; 20 is rather dark."""
    rows = random_rows(COUNT)
    rows[8], rows[18] = rows[7], rows[17]
    return job_with_vectors(settings, COUNT, rows)


@pytest.fixture
def client(settings: Settings, job: Job) -> Iterator[FlaskClient]:
    with site_client(settings) as found:
        yield found


def mark(settings: Settings, job: Job, defects: str, positions: str) -> None:
    with closing(open_projection(settings, job.id)) as projection:
        projection._db.execute(
            f"UPDATE items SET extra = json_set(coalesce(extra, '{{}}'), '$.\"quality/1\"', json('{defects}'))"
            f" WHERE idx IN ({positions})"
        )


def test_photos_that_show_no_cloth_are_no_copies(client: FlaskClient, settings: Settings, job: Job) -> None:
    mark(settings, job, '[["far", true]]', "17, 18")
    # A warning changes nothing.
    mark(settings, job, '[["dark", false]]', "7, 8, 20")
    groups = client.get(f"/api/v1/jobs/{job.id}/groups?of=copies").get_json()["groups"]
    assert [sorted(group["items"]) for group in groups] == [[7, 8]]


def test_the_page_says_how_many_should_be_taken_again(client: FlaskClient, settings: Settings, job: Job) -> None:
    mark(settings, job, '[["far", true], ["dark", false]]', "17, 18")
    mark(settings, job, '[["dark", false]]', "20")
    found = CHIP.search(client.get(f"/jobs/{job.id}").get_data(as_text=True))
    assert found
    assert "<small>3</small>" in found[0]
    assert "quality=any" in found[0]
    assert "aria-current" not in found[0]
    chosen = client.get(f"/jobs/{job.id}?quality=any").get_data(as_text=True)
    assert 'aria-current="true"' in CHIP.findall(chosen)[0]
    assert re.findall(r'<article class="[^"]+" id="item-(\d+)"', chosen) == ["17", "18", "20"]


def test_a_job_of_good_photos_has_no_such_chip(client: FlaskClient, job: Job) -> None:
    assert not CHIP.search(client.get(f"/jobs/{job.id}").get_data(as_text=True))
