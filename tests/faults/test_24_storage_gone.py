"""The storage of uploaded photos is gone in mid job: they wait, none fails, and they go on when it is back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from shared.jobs.model import Job
from tests.faults.record import Record
from tests.faults.site import RECOVERY, RUNS, Site, running_site
from tests.product import eventually
from tests.s3_server import BUCKET, S3Server, s3_server

PHOTOS = 300
#: Seconds: the longest pause between two attempts comes on top.
PATIENCE = RECOVERY + 30


class Folder:
    """A storage in a folder, which is moved away and back."""

    def __init__(self, path: Path, away: Path) -> None:
        self._path, self._away = path, away

    def leave(self) -> None:
        self._path.rename(self._away)

    def come_back(self) -> None:
        if self._path.exists():
            # Made again by whoever wrote a thumbnail meanwhile.
            self._path.rename(self._away.with_name(f"remade-{time.monotonic_ns()}"))
        self._away.rename(self._path)


class ObjectStore:
    """A server that speaks S3, which nobody reaches for a while."""

    def __init__(self, server: S3Server) -> None:
        self.leave, self.come_back = server.way.refuse, server.way.heal


@contextmanager
def stored_in(kind: str, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[tuple[Site, Folder | ObjectStore]]:
    """A product without workers, and its storage: its own folder, one behind fsspec, or a bucket."""
    away = folder / "away"
    folder.mkdir()
    if kind == "folder":
        with running_site(folder, workers=0) as site:
            yield site, Folder(site.product.settings.data_dir / "blobs", away)
    elif kind == "share":
        (folder / "store").mkdir()
        with running_site(folder, workers=0, storage_url=f"file://{folder}/store") as site:
            yield site, Folder(folder / "store", away)
    else:
        with s3_server(folder) as server:
            for name, value in server.env.items():
                patch.setenv(name, value)
            with running_site(folder, workers=0, storage_url=f"s3://{BUCKET}/faults") as site:
                yield site, ObjectStore(server)


def submit(site: Site) -> Job:
    files = [("files", (f"{n:03}.jpg", b"\xff\xd8\xff" + os.urandom(500), "image/jpeg")) for n in range(PHOTOS)]
    answer = requests.post(f"{site.product.url}/api/v1/jobs", files=files, timeout=60)
    assert answer.status_code == 202, answer.text
    return site.job(answer.json()["id"])


@pytest.mark.long
@pytest.mark.parametrize("kind", ["folder", "share", "s3"])
def test_the_storage_is_gone(record: Record, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with stored_in(kind, tmp_path / "site", monkeypatch) as (site, storage):
        # The null engines need no photos: this one reads each.
        site.start_worker("-m", "tests.faults.worker_with", "pixels=")
        site.await_workers(1)
        for _ in range(RUNS):
            job = submit(site)
            site.await_done(job, 20)
            storage.leave()
            eventually(lambda job=job: site.job(job.id).note == "storage_unavailable", 60, "the note")  # type: ignore[misc]
            told = site.job(job.id)
            assert (told.failed, told.waiting_for) == (0, "storage"), told
            at, began = told.done, time.monotonic()
            storage.come_back()
            site.await_done(job, at, PATIENCE)
            record.recovered(time.monotonic() - began)
            ended = site.await_end(job)
            assert (ended.ok, ended.failed) == (PHOTOS, 0), ended
            site.check(record, ended, None)
