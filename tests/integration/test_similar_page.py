"""The page of similar photos says in the reader's language what it cannot do, and stays where it was."""

from __future__ import annotations

import html
import io
import zipfile
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from PIL import Image

from scripts.supervisor import redis as embedded
from shared.core.errors import PhotoError
from shared.core.messages import sentence
from shared.core.settings import Settings
from shared.jobs.model import Job
from tests.large_jobs import job_with_vectors, random_rows
from tests.web_server import site_client

COUNT = 60


@pytest.fixture
def job(settings: Settings, redis_pair: embedded.Pair) -> Job:
    return job_with_vectors(settings, COUNT, random_rows(COUNT))


@pytest.fixture
def client(settings: Settings, job: Job) -> Iterator[FlaskClient]:
    with site_client(settings) as found:
        yield found


def page(client: FlaskClient, address: str, status: int = 200) -> str:
    answer = client.get(address, headers={"Accept": "text/html"})
    assert answer.status_code == status, answer.text
    return answer.text


@pytest.mark.parametrize(("lang", "words"), [("en", "None of the most similar"), ("zh", "没有符合网址所列条件的")])
def test_a_filter_that_nothing_fits(client: FlaskClient, job: Job, lang: str, words: str) -> None:
    text = page(client, f"/similar?job={job.id}&item=14&label=nosuch&lang={lang}")
    assert words in text
    assert f"/similar?job={job.id}&amp;item=14" in text.split('id="without-filters"')[1].split(">")[0]
    assert "No photos to compare" not in text


@pytest.mark.parametrize(("lang", "words"), [("en", "A photo of your own"), ("zh", "用自己的照片")])
def test_without_a_photo_it_asks_for_one(client: FlaskClient, lang: str, words: str) -> None:
    text = page(client, f"/similar?lang={lang}")
    assert words in text
    assert 'id="look-up-file"' in text


@pytest.mark.parametrize(("lang", "words"), [("en", "does not name one photo"), ("zh", "网址没有指明一张照片")])
def test_half_an_address(client: FlaskClient, lang: str, words: str) -> None:
    text = page(client, f"/similar?item=3&lang={lang}", 400)
    assert words in text
    assert "are needed" not in text
    assert 'id="look-up-file"' in text


@pytest.mark.parametrize(("lang", "words"), [("en", "used here: verdict"), ("zh", "参数值：verdict")])
def test_odd_values(client: FlaskClient, job: Job, lang: str, words: str) -> None:
    text = page(client, f"/similar?job={job.id}&item=3&verdict=odd&lang={lang}", 400)
    assert words in text
    assert "Input should" not in text


def test_the_form_stands_above_the_results(client: FlaskClient, job: Job) -> None:
    text = page(client, f"/similar?job={job.id}&item=14")
    assert text.index('id="look-up-file"') < text.index('class="alike"')


def test_an_archive_is_refused_in_chinese(client: FlaskClient, job: Job) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.jpg", b"one")
        archive.writestr("b.jpg", b"two")
    sent = {"file": (io.BytesIO(packed.getvalue()), "swatches.zip")}
    answer = client.post(f"/similar?job={job.id}&item=14&lang=zh", data=sent, headers={"Accept": "text/html"})
    assert answer.status_code == 400
    assert "只接受一张照片" in answer.text
    assert "POST" not in answer.text.split('class="failure"')[1].split("</p>")[0]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_is_refused_is_said_on_the_same_page(client: FlaskClient, job: Job, lang: str) -> None:
    answer = client.post(
        f"/similar?job={job.id}&item=14&lang={lang}",
        data={"file": (io.BytesIO(b"PK\x03\x04 no photo at all"), "swatches.zip")},
        headers={"Accept": "text/html"},
    )
    assert 400 <= answer.status_code < 500
    told = answer.text.split('class="failure" role="alert">')[1].split("<")[0]
    assert told
    assert any("一" <= character <= "鿿" for character in told) == (lang == "zh")
    # The results of the photo are still there.
    assert 'class="alike"' in answer.text


def test_a_part_leads_back_to_the_whole_photo(client: FlaskClient, job: Job) -> None:
    text = page(client, f"/similar?job={job.id}&item=14&whole_job={job.id}&whole_item=3&lang=zh")
    link = text.split('id="whole-photo"')[1].split("</a>")[0]
    assert f"/similar?job={job.id}&amp;item=3" in link
    assert "返回整张照片" in link
    assert 'id="whole-photo"' not in page(client, f"/similar?job={job.id}&item=14")


def test_what_a_worker_refused_is_said_where_another_can_be_sent(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(job: Job, seconds: float) -> bool:
        raise PhotoError("not_an_image", name="notes.jpg")

    monkeypatch.setattr("web.pages.similar.looked_up", refused)
    sent = {"file": (io.BytesIO(b"no photo"), "notes.jpg")}
    leads = client.post("/similar", data=sent, headers={"Accept": "text/html"}).headers["Location"]
    text = page(client, f"{leads}&lang=zh", 422)
    assert sentence("not_an_image", "zh", name="notes.jpg") in html.unescape(text)
    assert 'id="look-up-file"' in text


def test_a_photo_of_ones_own_is_sent_from_there(client: FlaskClient, job: Job) -> None:
    out = io.BytesIO()
    Image.effect_noise((80, 80), 60).save(out, "PNG")
    sent = {"file": (io.BytesIO(out.getvalue()), "mine.png")}
    answer = client.post(f"/similar?job={job.id}&item=14", data=sent, headers={"Accept": "text/html"})
    assert answer.status_code == 303, answer.text
    assert "whole_" not in answer.headers["Location"]


@pytest.mark.parametrize(("lang", "words"), [("en", "Archived"), ("zh", "已归档")])
def test_an_archived_job_says_so_on_its_page(client: FlaskClient, job: Job, lang: str, words: str) -> None:
    text = page(client, f"/jobs/{job.id}?lang={lang}")
    assert text.split('id="archived"')[1].split(">", 1)[1].startswith(words)


def test_controls_say_what_the_address_asks_for(client: FlaskClient, job: Job) -> None:
    text = page(client, f"/similar?job={job.id}&item=14&verdict=label&review=&among=&from=2026-01-01&label=stripe-1")
    form = text.split('id="similar-filters" open')[1].split("</form>")[0]
    assert '<option value="label" selected>' in form
    assert 'value="2026-01-01"' in form
    assert 'value="stripe-1"' in form
    # The photo stays the same.
    assert f'<input type="hidden" name="job" value="{job.id}"><input type="hidden" name="item" value="14">' in form
    assert "stripe-1" in text.split('class="alike"')[1]
    assert "stripe-2" not in text.split('class="alike"')[1]
    assert 'id="similar-filters" >' in page(client, f"/similar?job={job.id}&item=14")


@pytest.mark.parametrize(
    ("days", "some"), [("from=2026-01-01", True), ("to=2020-12-31", False), ("from=2099-01-01", False)]
)
def test_days_of_jobs(client: FlaskClient, job: Job, days: str, some: bool) -> None:
    assert ('class="alike"' in page(client, f"/similar?job={job.id}&item=14&{days}")) == some


@pytest.mark.parametrize("day", ["2026-13-01", "yesterday", "99999-01-01"])
def test_an_odd_day(client: FlaskClient, job: Job, day: str) -> None:
    assert "since" in page(client, f"/similar?job={job.id}&item=14&from={day}", 400)
