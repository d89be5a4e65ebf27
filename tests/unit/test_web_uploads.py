"""Uploads become blobs: streamed to disk, hashed, stored once, in order; what was not taken is removed."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.jobs.intake.receive import receive
from shared.jobs.intake.spool import sweep
from shared.jobs.model import Item
from web.app import create_app
from web.context import services
from web.uploads import uploaded

Receive = Callable[..., list[Item]]


@pytest.fixture
def receiving(settings: Settings) -> Receive:
    """Receives (name, bytes) pairs the way a request brings them."""

    def run(*files: tuple[str, bytes], **limits: int) -> list[Item]:
        app = create_app(settings.model_copy(update=limits))
        data = {"files": [(io.BytesIO(content), name) for name, content in files]}
        with app.test_request_context("/api/v1/jobs", method="POST", data=data):
            return receive(uploaded("files"), services().storage, services().settings)

    return run


def blobs(settings: Settings) -> set[bytes]:
    return {path.read_bytes() for path in (settings.data_dir / "blobs").rglob("*") if path.is_file()}


def spooled(settings: Settings) -> list[Path]:
    return list((settings.data_dir / "spool").glob("*"))


def packed(*members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for n, content in enumerate(members):
            archive.writestr(f"{n}.jpg", content)
    return data.getvalue()


def test_order_names_hashes_and_sizes(receiving: Receive, settings: Settings) -> None:
    items = receiving(("a.jpg", b"first"), ("b.zip", packed(b"second", b"third")), ("c.jpg", b""))
    assert [(i.index, i.name, i.size) for i in items] == [
        (0, "a.jpg", 5),
        (1, "0.jpg", 6),
        (2, "1.jpg", 5),
        (3, "c.jpg", 0),
    ]
    assert [i.sha256 for i in items] == [hashlib.sha256(d).hexdigest() for d in (b"first", b"second", b"third", b"")]
    assert blobs(settings) == {b"first", b"second", b"third", b""}
    assert spooled(settings) == []


def test_the_same_bytes_are_stored_once(receiving: Receive, settings: Settings) -> None:
    items = receiving(("a.jpg", b"same"), ("b.jpg", b"same"), ("c.zip", packed(b"same")))
    assert len({item.sha256 for item in items}) == 1
    assert blobs(settings) == {b"same"}
    assert len(items) == 3


def test_large_bodies_arrive_whole(receiving: Receive, settings: Settings) -> None:
    content = bytes(range(256)) * 1500
    (item,) = receiving(("big.jpg", content))
    assert (item.size, blobs(settings)) == (len(content), {content})


def test_too_large_a_photo_keeps_enough_to_be_refused(receiving: Receive) -> None:
    items = receiving(("a.jpg", b"x" * 5000), ("b.zip", packed(b"y" * 5000)), max_photo_bytes=1000)
    assert [item.size for item in items] == [1001, 1001]


def test_zip_members_count(receiving: Receive, settings: Settings) -> None:
    with pytest.raises(InvalidRequest) as raised:
        receiving(("a.jpg", b"1"), ("b.zip", packed(b"2", b"3")), max_upload_files=2)
    assert raised.value.code == "too_many_files"
    assert spooled(settings) == []


def test_nothing_is_left_after_a_refusal(receiving: Receive, settings: Settings) -> None:
    with pytest.raises(InvalidRequest):
        receiving(("a.zip", b"damaged"), ("b.jpg", b"1"))
    assert spooled(settings) == []


def test_what_a_crash_left_is_swept_and_what_arrives_now_is_not(tmp_path: Path) -> None:
    old, fresh, foreign = (tmp_path / name for name in ("upload-old", "upload-fresh", "put-old"))
    for path in (old, fresh, foreign):
        path.write_bytes(b"x")
    for path in (old, foreign):
        os.utime(path, (0, 0))
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == [foreign, fresh]
