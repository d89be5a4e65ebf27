"""Uploads in many requests: offered, sent, continued, finished once, expired with their files."""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from pydantic import SecretStr

from shared.access.keys import Keys
from shared.core.errors import Conflict
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.intake.uploads import Uploads
from shared.jobs.ledger import keys
from shared.storage import open_storage
from tests.banks import by_label, clustered, make_bank
from tests.ledger_harness import LedgerHarness
from tests.product import Product, run_product
from tests.unnamed import remove_unnamed
from web.app import create_app


@pytest.fixture
def site(harness: LedgerHarness, ledger_settings: Settings, tmp_path: Path) -> Settings:
    url = SecretStr(addresses(ledger_settings).ledger)
    settings = Settings(data_dir=tmp_path / "data", redis_url=url, engine="null", upload_hours=1)
    make_bank(settings, by_label(clustered(2)))
    return settings


@pytest.fixture
def client(site: Settings) -> FlaskClient:
    return create_app(site).test_client()


def photo(n: int) -> bytes:
    return b"\xff\xd8\xff" + f"photo {n}".encode()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def packed(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.jpg", content)
    return data.getvalue()


class Sender:
    """One upload as a client sees it."""

    def __init__(self, client: FlaskClient, header: dict[str, str] | None = None, **wish: Any) -> None:
        self.client = client
        self.header = header or {}
        self.id = self.call("POST", "", 201, json=wish)["id"]

    def call(self, method: str, path: str = "", status: int = 200, **more: Any) -> Any:
        where = f"/api/v1/uploads{path and '/' + self.id + path}" if path != "/" else f"/api/v1/uploads/{self.id}"
        answer = self.client.open(where, method=method, headers=self.header, **more)
        assert answer.status_code == status, answer.text
        return answer.get_json(silent=True)

    def offer(self, *files: tuple[int, str, bytes], status: int = 200) -> Any:
        offered = [{"position": n, "name": name, "sha256": sha(data), "size": len(data)} for n, name, data in files]
        return self.call("POST", "/offer", status, json={"files": offered})

    def send(self, *files: tuple[int, str, bytes], status: int = 200, sender: int | str | None = None) -> Any:
        body = {
            **({} if sender is None else {"sender": str(sender)}),
            "positions": ",".join(str(n) for n, _, _ in files),
            "files": [(io.BytesIO(data), name) for _, name, data in files],
        }
        return self.call("POST", "/photos", status, data=body)

    def finish(self, count: int, status: int = 202) -> Any:
        return self.call("POST", "/finish", status, json={"files": count})


def blobs(settings: Settings) -> set[str]:
    return {path.name for path in (settings.data_dir / "blobs").glob("??/*")}


def expire(settings: Settings, harness: LedgerHarness) -> None:
    for upload in harness.redis.zrange(keys.UPLOADS, 0, -1):
        harness.redis.zadd(keys.UPLOADS, {upload: time.time() - 1})
    Uploads(settings, harness.ledger, open_storage(settings)).expire()


def test_what_is_stored_is_not_sent_and_all_is_one_job(client: FlaskClient, harness: LedgerHarness) -> None:
    first = Sender(client, name="first")
    assert first.offer((0, "a.jpg", photo(1)), (1, "b.jpg", photo(2)))["missing"] == [0, 1]
    first.send((1, "b.jpg", photo(2)))
    assert first.finish(2, 409)["code"] == "upload_incomplete"
    first.send((0, "a.jpg", photo(1)))
    job = first.finish(2)
    assert (job["name"], job["total"], job["preset"]) == ("first", 2, "standard")
    assert [item.name for item in harness.ledger.items(job["id"])] == ["a.jpg", "b.jpg"]
    # Whoever did not hear the answer asks again, and gets the same job.
    assert first.finish(2)["id"] == job["id"]
    assert first.call("GET", "/")["job"] == job["id"]
    second = Sender(client)
    assert second.offer((0, "c.jpg", photo(2)), (1, "d.jpg", photo(3)))["missing"] == [1]
    second.send((1, "d.jpg", photo(3)))
    assert second.finish(2)["total"] == 2
    assert len(harness.ledger.jobs()) == 2


def test_a_position_that_is_sent_again_counts_once(client: FlaskClient, harness: LedgerHarness) -> None:
    sender = Sender(client)
    for _ in range(3):
        sender.send((0, "a.jpg", photo(1)), (1, "b.jpg", photo(1)))
    state = sender.call("GET", "/")
    assert (state["files"], state["bytes"]) == (2, 2 * len(photo(1)))
    sender.send((1, "b.jpg", photo(2)))
    found = sender.call("GET", "/files")["files"]
    assert [(file["position"], file["sha256"]) for file in found] == [(0, sha(photo(1))), (1, sha(photo(2)))]
    job = sender.finish(2)
    assert [item.sha256 for item in harness.ledger.items(job["id"])] == [sha(photo(1)), sha(photo(2))]


def test_what_an_earlier_sender_has_on_its_way_is_refused(client: FlaskClient, harness: LedgerHarness) -> None:
    upload = Sender(client)
    assert upload.call("GET", "/")["sender"] == 0
    upload.send((1, "b.jpg", photo(2)), sender=0)
    resumed = upload.call("POST", "/resume")
    assert (resumed["sender"], [file["name"] for file in resumed["files"]]) == (1, ["b.jpg"])
    late = upload.send((0, "a.jpg", photo(1)), sender=0, status=409)
    assert late["code"] == "upload_taken_over"
    offered = {"position": 0, "name": "b.jpg", "sha256": sha(photo(2)), "size": len(photo(2))}
    wish = {"files": [offered], "sender": 0}
    assert upload.call("POST", "/offer", 409, json=wish)["code"] == "upload_taken_over"
    upload.send((2, "a.jpg", photo(1)), sender=1)
    assert upload.call("POST", "/resume")["sender"] == 2
    # Scripts that name no sender are not asked.
    upload.send((3, "c.jpg", photo(3)))
    items = harness.ledger.items(upload.finish(3)["id"])
    assert [item.name for item in items] == ["b.jpg", "a.jpg", "c.jpg"]
    assert upload.call("POST", "/resume", 404)["code"] == "upload_gone"


def test_an_upload_that_is_taken_over_while_files_are_stored(
    client: FlaskClient, site: Settings, harness: LedgerHarness
) -> None:
    opened = Sender(client)
    uploads = Uploads(site, harness.ledger, open_storage(site))
    # What the server knew of the upload when the request came.
    before = uploads.find(opened.id, None)
    opened.send((0, "a.jpg", photo(1)))
    file = uploads.records.files(opened.id)[0]
    assert uploads.take_over(before) == (1, [file])
    with pytest.raises(Conflict) as refused:
        uploads.offer(before, [replace(file, position=1)], sender=0)
    assert refused.value.code == "upload_taken_over"
    assert opened.call("GET", "/")["files"] == 1


@pytest.mark.parametrize("sender", ["", "x", "-1", "1" * 10])
def test_a_sender_that_is_no_number(client: FlaskClient, sender: str) -> None:
    assert Sender(client).send((0, "a.jpg", photo(1)), status=400, sender=sender)["code"] == "invalid_request"


def test_positions_may_have_gaps(client: FlaskClient, harness: LedgerHarness) -> None:
    sender = Sender(client)
    sender.send((7, "b.jpg", photo(2)), (3, "a.jpg", photo(1)))
    items = harness.ledger.items(sender.finish(2)["id"])
    assert [(item.index, item.name) for item in items] == [(0, "a.jpg"), (1, "b.jpg")]


def test_archives_are_looked_into_when_they_come(client: FlaskClient) -> None:
    sender = Sender(client)
    assert sender.send((0, "bad.zip", b"no zip"), status=400)["code"] == "zip_damaged"
    assert sender.call("GET", "/")["files"] == 0
    archive = packed(a=photo(1), b=photo(2))
    # Also one that is stored: it has to be looked into.
    assert sender.offer((0, "two.zip", archive))["missing"] == [0]
    sender.send((0, "two.zip", archive), (1, "c.jpg", photo(3)))
    job = sender.finish(2)
    assert (job["state"], job["total"]) == ("listing", 3)


def test_a_half_received_upload_expires_with_its_files(
    client: FlaskClient, site: Settings, harness: LedgerHarness
) -> None:
    kept, gone = Sender(client), Sender(client)
    kept.send((0, "a.jpg", photo(1)))
    job = kept.finish(1)
    gone.send((0, "a.jpg", photo(1)), (1, "b.jpg", photo(2)), (2, "b.jpg", photo(2)), (3, "c.jpg", photo(3)))
    # Somebody else sends one of them meanwhile.
    time.sleep(0.05)
    other = Sender(client)
    other.send((0, "c.jpg", photo(3)))
    other_job = other.finish(1)
    harness.redis.zadd(keys.UPLOADS, {gone.id: time.time() - 1})
    expire(site, harness)
    assert blobs(site) == {sha(photo(1)), sha(photo(3))}
    assert gone.call("GET", "/", 404)["code"] == "upload_gone"
    assert gone.send((4, "d.jpg", photo(4)), status=404)["code"] == "upload_gone"
    assert gone.finish(4, 404)["code"] == "upload_gone"
    assert not harness.redis.keys(f"weft:upload:{gone.id}*")
    for known in (job, other_job):
        assert harness.ledger.find(known["id"]).total == 1


def test_files_put_the_expiry_off(client: FlaskClient, harness: LedgerHarness) -> None:
    sender = Sender(client)
    harness.redis.zadd(keys.UPLOADS, {sender.id: time.time() + 5})
    sender.send((0, "a.jpg", photo(1)))
    assert 3500 < sender.call("GET", "/")["expires"] - time.time() <= 3600


def test_gc_leaves_an_open_upload_alone(client: FlaskClient, site: Settings) -> None:
    sender = Sender(client)
    sender.send((0, "a.jpg", photo(1)))
    remove_unnamed(site)
    assert blobs(site) == {sha(photo(1))}
    sender.call("DELETE", "/", 204)
    assert blobs(site) == set()


def test_nobody_finds_the_upload_of_another(client: FlaskClient, site: Settings) -> None:
    header = {
        name: {"Authorization": f"Bearer {Keys.of(site).add(name, [scope])}"}
        for name, scope in (("mei", "submit"), ("li", "submit"), ("guest", "read"))
    }
    mine = Sender(client, header["mei"])
    mine.send((0, "a.jpg", photo(1)))
    for who, status in (("li", 404), ("guest", 403)):
        other = Sender.__new__(Sender)
        other.client, other.header, other.id = client, header[who], mine.id
        other.call("GET", "/", status)
        other.send((1, "b.jpg", photo(2)), status=status)
        other.finish(1, status)
        other.call("DELETE", "/", status)
    assert mine.finish(1)["owner"] == "mei"


def test_limits_hold_for_the_whole_upload(site: Settings) -> None:
    sender = Sender(create_app(site.model_copy(update={"max_upload_files": 3})).test_client())
    assert sender.offer((3, "d.jpg", photo(1)), status=400)["code"] == "too_many_files"
    assert sender.send((3, "d.jpg", photo(1)), status=400)["code"] == "too_many_files"
    big = Sender(create_app(site.model_copy(update={"max_upload_bytes": 1000})).test_client())
    big.send((0, "a.jpg", b"\xff\xd8\xff" + bytes(600)))
    assert big.send((1, "b.jpg", b"\xff\xd8\xff" + bytes(500)), status=400)["code"] == "upload_too_large"


@pytest.mark.parametrize("positions", ["", "x", "0,1", "-1", "0;1"])
def test_positions_that_do_not_fit(client: FlaskClient, positions: str) -> None:
    sender = Sender(client)
    body = {"positions": positions, "files": [(io.BytesIO(photo(1)), "a.jpg")]}
    assert sender.call("POST", "/photos", 400, data=body)["code"] == "invalid_request"


def test_a_wish_that_cannot_be_is_refused_before_anything_is_sent(client: FlaskClient) -> None:
    answer = client.post("/api/v1/uploads", json={"preset": "wild"})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "unknown_preset")


@pytest.mark.long
def test_a_restart_of_everything_keeps_a_half_received_upload(tmp_path: Path) -> None:
    def call(product: Product, method: str, path: str, **more: Any) -> Any:
        answer = requests.request(method, f"{product.url}/api/v1/uploads{path}", timeout=60, **more)
        assert answer.ok, answer.text
        return answer.json()

    def send(product: Product, upload: str, n: int) -> None:
        files = [("files", (f"{n}.jpg", photo(n)))]
        call(product, "POST", f"/{upload}/photos", data={"positions": str(n)}, files=files)

    with run_product(tmp_path) as product:
        upload = call(product, "POST", "", json={"name": "restarted"})["id"]
        send(product, upload, 0)
        send(product, upload, 1)
    with run_product(tmp_path) as product:
        assert call(product, "GET", f"/{upload}")["files"] == 2
        send(product, upload, 2)
        job = call(product, "POST", f"/{upload}/finish", json={"files": 3})
        assert (job["name"], job["total"]) == ("restarted", 3)
