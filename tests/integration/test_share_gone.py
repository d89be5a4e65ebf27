"""A share that goes away while its folder is listed: the job waits and says so, and then is listed to its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.core.settings import CHUNK_ITEMS, Settings
from shared.jobs.ledger.dispatcher_ledger import DispatcherLedger
from shared.jobs.ledger.submission import SHARES
from shared.jobs.model import JobState
from shared.jobs.notes import note_sentence
from tests.integration.test_dispatcher_robust import at_work, own
from tests.ledger_harness import LedgerHarness, spec
from tests.product import eventually
from worker.dispatcher.listing import Lister

__all__ = ["own"]

FOLDERS = 30
EACH = (SHARES + 4) * CHUNK_ITEMS // FOLDERS


class Unplugged(DispatcherLedger):
    """The share goes away with the first chunk that is appended."""

    share: Path

    def append(self, *args: Any, **values: Any) -> bool:
        if self.share.exists():
            self.share.rename(self.share.with_name("away"))
        return super().append(*args, **values)


def share(where: Path) -> Path:
    for n in range(FOLDERS):
        folder = where / f"{n:02}"
        folder.mkdir(parents=True)
        for k in range(EACH):
            (folder / f"{k:03}.jpg").touch()
        (folder / "000.xmp").touch()
    return where


def test_the_listing_waits_and_goes_on(harness: LedgerHarness, own: Settings, tmp_path: Path) -> None:
    root = share(tmp_path / "nas")
    job = harness.ledger.submit_folder(spec("night", path=str(root), kind="folder"))
    unplugged = Unplugged(harness.ledger.connection, "dispatcher")
    unplugged.share = root
    Lister(harness.ledger, unplugged, job).run()
    waiting = harness.ledger.job(job.id)
    assert (waiting.state, waiting.listed, waiting.note) == (JobState.LISTING, False, "folder_gone_while_listing")
    assert waiting.waiting_for == "folder"
    assert str(root) in (note_sentence(waiting, "en") or "")
    assert 0 < waiting.total < FOLDERS * EACH
    # The same while the dispatcher looks again and again, and where the mount point is empty.
    with at_work(harness, own):
        eventually(lambda: harness.ledger.job(job.id).done == waiting.total, what="the photos listed so far")
        root.mkdir()
        assert not harness.ledger.job(job.id).listed
        assert harness.ledger.job(job.id).note == "folder_gone_while_listing"
        root.rmdir()
        root.with_name("away").rename(root)
        eventually(lambda: harness.ledger.job(job.id).state is JobState.FINISHED, 60, "the end of the job")
    ended = harness.ledger.job(job.id)
    assert (ended.total, ended.ok, ended.failed) == (FOLDERS * EACH, FOLDERS * EACH, 0)
    assert ended.left_out == {".xmp": FOLDERS}
    assert ended.note is None


def test_a_folder_of_other_files_says_so(harness: LedgerHarness, own: Settings, tmp_path: Path) -> None:
    root = tmp_path / "raw"
    root.mkdir()
    for name in ("1.docx", "2.docx", "Thumbs.db"):
        (root / name).touch()
    job = harness.ledger.submit_folder(spec("raw", path=str(root), kind="folder"))
    with at_work(harness, own):
        eventually(lambda: harness.ledger.job(job.id).state is JobState.FINISHED, what="the end of the job")
    ended = harness.ledger.job(job.id)
    assert (ended.total, ended.note) == (0, "folder_empty")
    assert ended.left_out == {".docx": 2, "system": 1}
