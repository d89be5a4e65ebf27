"""A collection in a bucket, on a real server that speaks S3: only new and changed objects are read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from shared.collections.buckets import copy_planned
from shared.collections.index import Index
from shared.collections.runs import Run, RunState
from shared.collections.shown import told
from shared.collections.store import Collections, Wish
from shared.core.errors import Conflict, InvalidRequest, WeftError
from shared.core.settings import Settings
from shared.jobs.intake.folders import FolderNotAllowed
from shared.storage import buckets, open_storage
from shared.storage.buckets import Prefix
from tests.bank_api import call
from tests.collections_harness import Site, counts
from tests.product import Product, eventually, run_product
from tests.s3_server import BUCKET, S3Server, s3_here

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_here(tmp_path_factory.mktemp("s3")) as started:
        yield started


@pytest.fixture(scope="module")
def product(server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    allowed = f"s3://{BUCKET}/photos s3://no-such-bucket/"
    settings = {"bucket_roots": allowed, "watch_quiet_seconds": "1", "watch_poll_seconds": "1"}
    with run_product(tmp_path_factory.mktemp("bucket"), **settings) as running:
        yield running


def client(server: S3Server) -> Any:
    """Not through the way that is cut."""
    return boto3.client("s3", endpoint_url=server.direct)


def put(server: S3Server, key: str, content: str) -> None:
    client(server).put_object(Bucket=BUCKET, Key=key, Body=content.encode())


def delete(server: S3Server, key: str) -> None:
    client(server).delete_object(Bucket=BUCKET, Key=key)


def site(product: Product, name: str, prefix: str, watch: bool = False) -> Site:
    collections = Collections(product.settings)
    return Site(product, product.photos, collections.new(Wish(name=name, folders=(prefix,), watch=watch)))


def results(made: Site) -> dict[str, str]:
    found = call(made.product, "GET", f"/collections/{made.own.id}/files")["files"]
    return {row["path"]: row["result"]["label"] for row in found if row["result"]}


def test_only_new_and_changed_objects_are_read(server: S3Server, product: Product) -> None:
    for n in range(5):
        put(server, f"photos/spring/{n}.jpg", f"spring {n}")
    put(server, "photos/spring/thumbs/0.jpg", "a thumbnail")
    put(server, "photos/spring/notes.txt", "no photo")
    put(server, "photos/springtime/0.jpg", "another folder")
    collections = Collections(product.settings)
    made = site(product, "spring", f"s3://{BUCKET}/photos/spring/")
    assert made.own.folders == (f"s3://{BUCKET}/photos/spring",)
    found = call(product, "PATCH", f"/collections/{made.own.id}", {"rules": {"exclude": ["thumbs/"]}})
    assert found["folders"] == [f"s3://{BUCKET}/photos/spring"]
    first = made.run()
    assert counts(first) == {"found": 5, "new": 5, "chosen": 5, "excluded": 1}
    items = made.items(first)
    assert sorted(items) == [f"{n}.jpg" for n in range(5)]
    assert all(item["status"] == "ok" for item in items.values())
    job = call(product, "GET", f"/jobs/{first.job}")
    assert (job["collection"], job["preset"], job["path"]) == (made.own.id, "precise", None)
    # Another content of the same length, within the same second as far as the store tells.
    put(server, "photos/spring/1.jpg", "summer 1")
    put(server, "photos/spring/9.jpg", "spring 9")
    delete(server, "photos/spring/3.jpg")
    second = made.run()
    assert counts(second) == {"found": 5, "new": 1, "changed": 1, "gone": 1, "chosen": 2, "unchanged": 3, "excluded": 1}
    assert sorted(made.items(second)) == ["1.jpg", "9.jpg"]
    assert sorted(results(made)) == [f"s3://{BUCKET}/photos/spring/{n}.jpg" for n in (0, 1, 2, 4, 9)]
    third = made.run()
    assert (third.job, counts(third)["unchanged"]) == (None, 5)
    for n in (0, 1, 2, 4, 9):
        delete(server, f"photos/spring/{n}.jpg")
    gone = made.run()
    assert (gone.state, gone.code) == (RunState.REFUSED, "collection_folder_gone")
    assert len(results(made)) == 5
    collections.delete(made.own.id)


def test_a_watched_bucket(server: S3Server, product: Product) -> None:
    put(server, "photos/watched/0.jpg", "watched 0")
    made = site(product, "watched bucket", f"s3://{BUCKET}/photos/watched", watch=True)

    def runs() -> list[Run]:
        with made.collections.index(made.own.id) as index:
            return index.runs.list(50)

    eventually(lambda: len(runs()) == 1 and not runs()[0].under_way, what="the first run")
    put(server, "photos/watched/1.jpg", "watched 1")
    eventually(lambda: len(runs()) == 2 and not runs()[0].under_way, what="the second run")
    assert counts(runs()[0]) == {"found": 2, "new": 1, "chosen": 1, "unchanged": 1}
    made.collections.delete(made.own.id)


def test_a_store_that_is_away_is_awaited_in_words(server: S3Server, product: Product) -> None:
    put(server, "photos/away/0.jpg", "away 0")
    made = site(product, "away", f"s3://{BUCKET}/photos/away")
    server.way.refuse()
    try:
        run = made.ask()
        eventually(lambda: made.found(run.id).code == "collection_bucket_away", what="the words")
        assert "cannot be reached" in told(made.found(run.id))[0]
        assert made.found(run.id).under_way
    finally:
        server.way.heal()
    assert counts(made.ended(run)) == {"found": 1, "new": 1, "chosen": 1}


def test_a_bucket_that_is_missing_refuses_the_run(product: Product) -> None:
    run = site(product, "missing", "s3://no-such-bucket/photos").run()
    assert (run.state, run.code) == (RunState.REFUSED, "collection_no_bucket")
    assert "no-such-bucket" in told(run)[0]


@pytest.mark.parametrize(
    ("folders", "refusal"),
    [
        ((f"s3://{BUCKET}/other",), FolderNotAllowed),
        ((f"s3://{BUCKET}/photos-too",), FolderNotAllowed),
        (("s3://",), InvalidRequest),
        ((f"s3://{BUCKET}/photos/a", "s3://no-such-bucket/b"), InvalidRequest),
    ],
)
def test_only_allowed_prefixes(product: Product, folders: tuple[str, ...], refusal: type[WeftError]) -> None:
    with pytest.raises(refusal):
        Collections(product.settings).new(Wish(name="x", folders=folders))


def test_prefixes_are_no_local_folders(product: Product) -> None:
    folder = product.photos / "beside"
    folder.mkdir()
    with pytest.raises(InvalidRequest) as refused:
        Collections(product.settings).new(Wish(name="x", folders=(str(folder), f"s3://{BUCKET}/photos")))
    assert refused.value.code == "collection_folders_apart"


def test_refused_access_is_told(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied")

    prefix = Prefix(f"s3://{BUCKET}/photos")
    monkeypatch.setattr(type(prefix._fs), "call_s3", denied)
    with pytest.raises(Conflict) as refused:
        next(prefix.objects())
    assert refused.value.code == "collection_bucket_denied"
    assert "AWS_ACCESS_KEY_ID" in str(refused.value)


def test_a_long_listing_comes_in_pieces(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    began = int(time.time())
    for n in range(7):
        put(server, f"many/{n}.jpg", f"many {n}")
    prefix = Prefix(f"s3://{BUCKET}/many")
    whole, asked = list(prefix.objects()), 0
    real = prefix._fs.call_s3

    def small(*args: object, **more: object) -> object:
        nonlocal asked
        asked += 1
        return real(*args, **more, MaxKeys=3)

    monkeypatch.setattr(prefix._fs, "call_s3", small)
    assert list(prefix.objects()) == whole
    assert asked == 3
    assert [one.name for one in whole] == [f"{n}.jpg" for n in range(7)]
    assert len({one.changed for one in whole}) == 7
    assert all(one.changed // 1_000_000_000 >= began - 2 for one in whole)
    assert buckets.is_bucket("S3://x")


def test_what_goes_while_it_is_copied_is_left_and_nothing_is_read_twice(
    server: S3Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = f"s3://{BUCKET}/copied"
    for n in (0, 2):
        put(server, f"copied/{n}.jpg", f"copied {n}")
    storage, root = open_storage(settings), settings.data_dir / "collections"
    root.mkdir(parents=True)
    with Index(root / "copied.sqlite") as index:
        rows = [(n, f"{parent}/{n}.jpg".encode(), 8, 1, 0) for n in range(3)]
        index.db.executemany("INSERT INTO plan (idx, path, size, mtime, carry) VALUES (?, ?, ?, ?, ?)", rows)
        assert copy_planned(index, parent, storage) == 1
        planned = index.db.execute("SELECT plan.idx, plan.path, sha256 FROM plan JOIN read USING (path) ORDER BY idx")
        found = [tuple(row) for row in planned]
        assert [(idx, path[-5:]) for idx, path, _ in found] == [(0, b"0.jpg"), (1, b"2.jpg")]
        assert [storage.read(sha256) for *_, sha256 in found] == [b"copied 0", b"copied 2"]
        assert list(storage.spool_dir().iterdir()) == []
        monkeypatch.setattr(Prefix, "fetch", None)
        assert copy_planned(index, parent, storage) == 0
