"""Archives are unpacked after the job was accepted: in order, once, with what went wrong as the job's note."""

from __future__ import annotations

import hashlib
import io
import tarfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from shared.core.errors import Unavailable
from shared.core.settings import Settings
from shared.jobs.intake.receive import keep_sent
from shared.jobs.intake.sources import LocalFile
from shared.jobs.ledger import Ledger, wire
from shared.jobs.ledger.dispatcher_ledger import DispatcherLedger
from shared.jobs.ledger.keys import job as job_key
from shared.jobs.model import Job, JobState
from shared.jobs.notes import left_out_sentence, note_sentence
from shared.jobs.projection import caught_up
from shared.storage import open_storage
from tests.integration.test_dispatcher_robust import at_work, own
from tests.ledger_harness import LedgerHarness, spec
from tests.product import eventually
from tests.unnamed import remove_unnamed
from worker.dispatcher.unpacking import ArchiveLister

__all__ = ["own"]


def zipped(path: Path, names: Sequence[str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name * 40)
    return path


def submit(harness: LedgerHarness, settings: Settings, *paths: Path, **values: object) -> Job:
    files = [LocalFile(path.name, path) for path in paths]
    sent, survey = keep_sent(files, open_storage(settings), settings)
    return harness.ledger.submit_sent(spec("job", expected=survey.photos, **values), sent)


def blobs(settings: Settings) -> int:
    return len(list((settings.data_dir / "blobs").glob("??/*")))


def finished(harness: LedgerHarness, settings: Settings, job: Job) -> Job:
    with at_work(harness, settings):
        eventually(lambda: harness.ledger.job(job.id).state is JobState.FINISHED, 60, "the end of the job")
    return harness.ledger.job(job.id)


def names(harness: LedgerHarness, settings: Settings, job: Job) -> list[str]:
    with caught_up(settings, harness.ledger, job.id) as projection:
        return [item["name"] for item in projection.items(limit=500)[0]]


def photo(path: Path) -> Path:
    path.write_bytes(path.name.encode())
    return path


def test_photos_stand_in_their_archives_place(harness: LedgerHarness, own: Settings, tmp_path: Path) -> None:
    inside = [f"roll/{n:03}.jpg" for n in range(150)]
    packed = zipped(tmp_path / "roll.zip", [*inside, "a.xmp", "b.xmp", "clip.mp4", "Thumbs.db"])
    job = submit(harness, own, photo(tmp_path / "first.jpg"), packed, photo(tmp_path / "last.jpg"))
    # Told by the directory alone: nothing is unpacked yet.
    assert (job.state, job.listed, job.total) == (JobState.LISTING, False, 152)
    assert blobs(own) == 3
    ended = finished(harness, own, job)
    assert (ended.total, ended.ok, ended.note) == (152, 152, None)
    assert names(harness, own, job) == ["first.jpg", *inside, "last.jpg"]
    assert left_out_sentence(ended.left_out, "en") == "Left out: 2 .xmp, 1 .mp4."
    # The archive itself is kept no longer than it is needed.
    assert blobs(own) == 152
    assert harness.ledger.sent(job.id) is None
    assert not list((own.data_dir / "spool").iterdir())


class Dies(DispatcherLedger):
    """The dispatcher is gone after its second chunk."""

    appended = 0

    def append(self, *args: Any, **values: Any) -> bool:
        self.appended += 1
        if self.appended > 2:
            raise Unavailable("redis_unavailable")
        return super().append(*args, **values)


def test_another_lister_goes_on_where_one_died(harness: LedgerHarness, own: Settings, tmp_path: Path) -> None:
    inside = [f"{n:03}.jpg" for n in range(300)]
    job = submit(harness, own, zipped(tmp_path / "a.zip", [*inside, "0.xmp"]), left_out={".heap": 2})
    ArchiveLister(own, harness.ledger, Dies(harness.ledger.connection, "dispatcher"), job).run()
    between = harness.ledger.job(job.id)
    assert (between.listed, between.total) == (False, 300)
    first = harness.redis.get(job_key(job.id, "in:0"))
    assert 0 < len(wire.unpack_items(first)) < 100
    ended = finished(harness, own, job)
    assert (ended.total, ended.ok, ended.duplicates) == (300, 300, 0)
    assert names(harness, own, job) == inside
    assert ended.left_out == {".heap": 2, ".xmp": 1}


class Cancels(DispatcherLedger):
    """Somebody cancels the job when its first chunk is there."""

    ledger: Ledger

    def append(self, *args: Any, **values: Any) -> bool:
        appended = super().append(*args, **values)
        if self.ledger.job(args[0]).state is JobState.LISTING:
            self.ledger.steer(args[0], "cancel")
        return appended


def test_a_cancelled_jobs_archive_is_not_kept(harness: LedgerHarness, own: Settings, tmp_path: Path) -> None:
    packed = zipped(tmp_path / "a.zip", [f"{n:03}.jpg" for n in range(300)])
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    job = submit(harness, own, packed)
    steered = Cancels(harness.ledger.connection, "dispatcher")
    steered.ledger = harness.ledger
    lister = ArchiveLister(own, harness.ledger, steered, job)
    lister.run()
    assert not lister.failed
    assert harness.ledger.job(job.id).state is JobState.CANCELLED
    assert harness.ledger.sent(job.id) is None
    assert not open_storage(own).has(digest)
    assert not list((own.data_dir / "spool").iterdir())


def test_what_goes_wrong_is_the_jobs_note(harness: LedgerHarness, own: Settings, tmp_path: Path) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for n in range(20):
            entry = tarfile.TarInfo(f"{n}.jpg")
            entry.size = 3000
            archive.addfile(entry, io.BytesIO(bytes([n]) * 3000))
    whole = data.getvalue()
    # Cut in the middle of the 11th photo, as by a broken download: the worker says that this one is cut off.
    path = tmp_path / "cut.tar"
    path.write_bytes(whole[: 10 * 3584 + 1000])
    ended = finished(harness, own, submit(harness, own, path))
    assert (ended.total, ended.note) == (11, "zip_damaged")
    assert note_sentence(ended, "en") == "The archive cut.tar is damaged."


@pytest.mark.parametrize("trouble", ["zip_damaged", "missing_file"])
def test_photos_beside_a_bad_archive_are_classified(
    harness: LedgerHarness, own: Settings, tmp_path: Path, trouble: str
) -> None:
    path = tmp_path / "bad.tar"
    with tarfile.open(path, "w") as archive:
        for n in range(3):
            entry = tarfile.TarInfo(f"{n}.jpg")
            entry.size = 3000
            archive.addfile(entry, io.BytesIO(bytes([n]) * 3000))
    path.write_bytes(path.read_bytes()[: 3584 + 1000])
    job = submit(harness, own, path, photo(tmp_path / "last.jpg"))
    if trouble == "missing_file":
        open_storage(own).discard(hashlib.sha256(path.read_bytes()).hexdigest(), time.time() + 1)
    ended = finished(harness, own, job)
    inside = ["0.jpg", "1.jpg"] if trouble == "zip_damaged" else []
    assert (names(harness, own, job), ended.note) == ([*inside, "last.jpg"], trouble)


def test_nothing_but_other_files(harness: LedgerHarness, own: Settings, tmp_path: Path) -> None:
    ended = finished(harness, own, submit(harness, own, zipped(tmp_path / "a.zip", ["1.docx", "2.docx"])))
    assert (ended.total, ended.note, ended.left_out) == (0, "no_photos_in", {".docx": 2})
    assert note_sentence(ended, "en") == "There are no photos in what was sent."


def test_two_jobs_of_one_archive(harness: LedgerHarness, own: Settings, tmp_path: Path) -> None:
    packed = zipped(tmp_path / "a.zip", ["1.jpg", "2.jpg"])
    later = submit(harness, own, packed, not_before=time.time() + 600)
    now = submit(harness, own, packed)
    assert finished(harness, own, now).ok == 2
    # Scheduled, it still needs the archive; so does `weft gc` see it.
    assert remove_unnamed(own) == 0
    harness.redis.hset(job_key(later.id, "meta"), "not_before", 1)
    assert finished(harness, own, later).ok == 2
    # The second submission has asked for it a moment ago, as a third one might just now: gc takes it in time.
    assert remove_unnamed(own) == 1
    assert blobs(own) == 2


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_steered_before_it_is_unpacked(harness: LedgerHarness, own: Settings, tmp_path: Path, verb: str) -> None:
    job = submit(harness, own, zipped(tmp_path / "a.zip", ["1.jpg", "2.jpg"]))
    harness.ledger.steer(job.id, verb)
    ArchiveLister(own, harness.ledger, harness.dispatcher, job).run()
    if verb == "cancel":
        assert harness.ledger.job(job.id).state is JobState.CANCELLED
        return
    harness.ledger.steer(job.id, "resume")
    assert finished(harness, own, job).ok == 2


def test_a_request_that_is_repeated_makes_one_job(harness: LedgerHarness, own: Settings, tmp_path: Path) -> None:
    files = [LocalFile("a.zip", zipped(tmp_path / "a.zip", ["1.jpg"]))]
    jobs = set()
    for _ in range(2):
        sent, _survey = keep_sent(files, open_storage(own), own)
        jobs.add(harness.ledger.submit_sent(spec("job"), sent, "key", "sent:1").id)
    assert len(jobs) == 1
    assert finished(harness, own, harness.ledger.job(jobs.pop())).ok == 1
