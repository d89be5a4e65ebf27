"""A large file comes in parts: each is durable, none is sent twice, and the file is the same as if it came whole."""

from __future__ import annotations

import io
from typing import Any

from flask.testing import FlaskClient

from shared.core.settings import Settings
from shared.jobs.ledger import keys
from tests.integration.test_lasting_uploads import Sender, blobs, client, expire, packed, photo, sha, site
from tests.ledger_harness import LedgerHarness
from tests.unnamed import remove_unnamed
from web.app import create_app

__all__ = ["client", "site"]


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def add(sender: Sender, *parts: bytes, status: int = 200) -> Any:
    return sender.call("POST", "/parts", status, data={"files": [(io.BytesIO(part), "part") for part in parts]})


def join(sender: Sender, position: int, name: str, parts: list[bytes], status: int = 200) -> Any:
    wish = {"position": position, "name": name, "parts": [sha(part) for part in parts]}
    return sender.call("POST", "/join", status, json=wish)


def test_a_zip_in_parts_is_the_same_zip(client: FlaskClient, site: Settings, harness: LedgerHarness) -> None:
    archive = packed(a=photo(1), b=photo(2))
    parts = cut(archive, 100)
    sender = Sender(client)
    add(sender, parts[1], parts[0])
    assert join(sender, 0, "two.zip", parts, 409)["code"] == "upload_incomplete"
    there = {part["sha256"] for part in sender.call("GET", "/parts")["parts"]}
    assert there == {sha(parts[0]), sha(parts[1])}
    add(sender, *(part for part in parts if sha(part) not in there))
    (file,) = join(sender, 0, "two.zip", parts)["files"]
    assert (file["sha256"], file["size"]) == (sha(archive), len(archive))
    # The parts have become the file.
    assert sender.call("GET", "/parts")["parts"] == []
    assert blobs(site) == {sha(archive)}
    sender.send((1, "c.jpg", photo(3)))
    assert sender.finish(2)["total"] == 3
    assert not harness.redis.keys(f"{keys.upload(sender.id)}:*")


def test_a_photo_in_parts_and_equal_parts(client: FlaskClient, site: Settings) -> None:
    large = photo(1) + bytes(500)
    parts = cut(large, 100)
    assert len(set(parts)) < len(parts)
    sender = Sender(client)
    add(sender, *parts)
    join(sender, 0, "large.jpg", parts)
    assert blobs(site) == {sha(large)}
    assert sender.finish(1)["total"] == 1


def test_a_file_of_one_part_stays(client: FlaskClient, site: Settings) -> None:
    sender = Sender(client)
    add(sender, photo(1))
    join(sender, 0, "a.jpg", [photo(1)])
    assert blobs(site) == {sha(photo(1))}


def test_a_damaged_zip_is_refused_and_its_parts_stay(client: FlaskClient) -> None:
    sender = Sender(client)
    add(sender, b"no ", b"zip")
    assert join(sender, 0, "bad.zip", [b"no ", b"zip"], 400)["code"] == "zip_damaged"
    assert sender.call("GET", "/")["files"] == 0


def test_parts_expire_with_their_upload_and_gc_knows_them(
    client: FlaskClient, site: Settings, harness: LedgerHarness
) -> None:
    sender = Sender(client)
    add(sender, b"one", b"two")
    remove_unnamed(site)
    assert blobs(site) == {sha(b"one"), sha(b"two")}
    expire(site, harness)
    assert blobs(site) == set()
    assert add(sender, b"three", status=404)["code"] == "upload_gone"
    assert not harness.redis.keys(f"{keys.upload(sender.id)}*")


def test_a_part_that_somebody_else_has_sent_as_a_photo_stays(client: FlaskClient, site: Settings) -> None:
    other = Sender(client)
    other.send((0, "a.jpg", photo(1)))
    sender = Sender(client)
    add(sender, photo(1), b"more")
    join(sender, 0, "b.jpg", [photo(1), b"more"])
    assert blobs(site) == {sha(photo(1)), sha(photo(1) + b"more")}


def test_the_limit_of_an_upload_holds_for_parts(site: Settings) -> None:
    sender = Sender(create_app(site.model_copy(update={"max_upload_bytes": 1000})).test_client())
    add(sender, bytes(600))
    assert add(sender, b"x" + bytes(600), status=400)["code"] == "upload_too_large"
