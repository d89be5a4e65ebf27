"""A job's summary tells what the night left: groups that look alike, failures with their remedy, both languages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.jobs.catalog import Catalog
from shared.jobs.model import Job
from shared.jobs.projection import open_projection
from tests.large_jobs import archived_job, job_with_vectors, look_alike_rows
from tests.web_server import site_client
from web.api import summary

pytestmark = pytest.mark.slow

COUNT = 200


@pytest.fixture
def job(settings: Settings, redis_pair: embedded.Pair) -> Job:
    """Photos 4, 14, 24 … are of one cloth that no class has; 7 and 8 are one photo."""
    return job_with_vectors(settings, COUNT, look_alike_rows(COUNT))


@pytest.fixture
def client(settings: Settings, job: Job) -> Iterator[FlaskClient]:
    with site_client(settings) as found:
        yield found


def report(client: FlaskClient, job: Job, lang: str, file: bool) -> str:
    address = f"/api/v1/jobs/{job.id}/summary.html" if file else f"/jobs/{job.id}/summary"
    answer = client.get(address, query_string={"lang": lang})
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


@pytest.mark.parametrize("file", [False, True])
@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", ["Without a class, but of one cloth", "10 photos in 1 groups", "Copies of one photo", "2 photos"]),
        ("zh", ["没有类别但属同一种面料", "1 组，共 10 张照片", "重复照片", "2 张照片"]),
    ],
)
def test_groups_that_look_alike(client: FlaskClient, job: Job, lang: str, said: list[str], file: bool) -> None:
    text = report(client, job, lang, file)
    for sentence in said:
        assert sentence in text, sentence
    assert "roll-007/DSC000007.jpg" in text


@pytest.mark.parametrize(("lang", "remedy"), [("en", "Copy or export these photos again."), ("zh", "请重新复制")])
def test_failures_come_with_their_remedy(client: FlaskClient, job: Job, lang: str, remedy: str) -> None:
    text = report(client, job, lang, True)
    assert remedy in text
    assert "roll-049/DSC000049.jpg" in text


def test_an_engine_without_a_model_is_told(client: FlaskClient, job: Job, settings: Settings) -> None:
    assert "they mean nothing" not in report(client, job, "en", True)
    Catalog(settings).add(replace(job, engine="null", precision="null"))
    assert "they mean nothing" in report(client, job, "en", True)


def test_what_changed_since_the_run_before(client: FlaskClient, job: Job, settings: Settings) -> None:
    again = replace(archived_job(settings, COUNT, job.bank, name="again"), repeats=job.id)
    Catalog(settings).add(again)
    with closing(open_projection(settings, again.id)) as projection:
        projection._db.execute("UPDATE items SET label = 'stripe-9' WHERE idx IN (0, 1)")
    text = report(client, again, "en", True)
    assert "Changes since the run before" in text
    assert "<li><span>Another class</span> <b>2</b></li>" in text
    assert "Changes since" not in report(client, job, "en", True)


def test_large_jobs_are_compared_when_asked(client: FlaskClient, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "MOST_COMPARED", 10)
    page = report(client, job, "en", False)
    assert "of one cloth" not in page + report(client, job, "en", True)
    assert f"/jobs/{job.id}/summary?alike=true" in page
    assert "of one cloth" in client.get(f"/jobs/{job.id}/summary?alike=true&lang=en").get_data(as_text=True)
    file = client.get(f"/api/v1/jobs/{job.id}/summary.html?alike=true&lang=en").get_data(as_text=True)
    assert "of one cloth" in file
