"""What a first visit loads beside pictures: at most 120 KB, compressed; and the poll of a moving job a few."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.jobs.model import Job
from tests.banks import by_label, clustered, make_bank
from tests.large_jobs import archived_job
from web.app import create_app

BUDGET = 120_000
COUNT = 3000
_LOADED = re.compile(r'<(?:script src|link rel="stylesheet" href)="([^"]+)"')
ZIPPED = {"Accept-Encoding": "gzip"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FlaskClient, Job]]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("weight") / "data", engine="null")
    bank = make_bank(settings, {f"stripe-{n}": rows for n, rows in enumerate(by_label(clustered(30)).values())})
    with embedded.running(settings), create_app(settings).test_client() as client:
        yield client, archived_job(settings, COUNT, bank, classes=30)


def weight(client: FlaskClient, address: str) -> dict[str, int]:
    """Compressed bytes of a page and of each script and style that it loads."""
    page = client.get(address, headers=ZIPPED, buffered=True)
    assert page.status_code == 200
    assert page.headers["Content-Encoding"] == "gzip"
    text = client.get(address).get_data(as_text=True)
    found = {address: len(page.data)}
    for loaded in _LOADED.findall(text):
        part = client.get(loaded, headers=ZIPPED, buffered=True)
        assert part.status_code == 200
        found[loaded.partition("?")[0]] = len(part.data)
    return found


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("address", ["/", "/jobs", "/jobs/JOB", "/jobs/JOB/review", "/jobs/JOB/summary", "/bank"])
def test_a_first_visit(site: tuple[FlaskClient, Job], address: str, lang: str) -> None:
    client, job = site
    found = weight(client, f"{address.replace('JOB', job.id)}?lang={lang}")
    assert any(name.endswith(".css") for name in found)
    assert sum(found.values()) <= BUDGET, found


def test_a_poll(site: tuple[FlaskClient, Job]) -> None:
    client, job = site
    for part in ("progress", "counts"):
        answer = client.get(f"/jobs/{job.id}/{part}", headers=ZIPPED | {"HX-Request": "true"}, buffered=True)
        assert len(answer.data) <= 3_000
