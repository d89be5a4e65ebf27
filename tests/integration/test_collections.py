"""Collections on the real product: a run takes what is new or changed, and nothing else is read or lost."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator

import pytest

from shared.bank.store import BankStore
from shared.collections.collection import Rules
from shared.collections.runs import RunState
from shared.collections.shown import expected_seconds, told
from shared.collections.store import Collections, Wish
from shared.core.errors import Conflict
from shared.jobs import archive
from shared.jobs.intake.folders import FolderNotAllowed
from shared.jobs.ledger import Ledger
from tests.collections_harness import Site, counts, write
from tests.product import Product, run_product

pytestmark = pytest.mark.slow

DAY = 86400.0


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with run_product(tmp_path_factory.mktemp("collections")) as running:
        yield running


def test_a_second_run_reads_only_what_is_new(product: Product) -> None:
    site = Site.make(product, "increment", photos=40)
    first = site.run()
    assert counts(first) == {"found": 40, "new": 40, "chosen": 40}
    assert len(site.items(first)) == 40
    for n in range(3):
        write(site.folder / "late" / f"{n}.jpg", f"late {n}")
    # Whoever reads one of the others now reads something else.
    for path in site.folder.glob("*.jpg"):
        was = path.stat()
        path.write_text("x" * was.st_size)
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    second = site.run()
    assert counts(second) == {"found": 43, "new": 3, "chosen": 3, "unchanged": 40}
    assert sorted(site.items(second)) == ["late/0.jpg", "late/1.jpg", "late/2.jpg"]
    # Three photos are all that a worker was given, and none came out of the cache.
    ledger, job = Ledger.connect(product.settings), str(second.job)
    assert [item.name for item in ledger.items(job)] == sorted(site.items(second))
    assert ledger.find(job).cached == 0
    third = site.run()
    assert third.job is None
    assert told(third) == ["43 unchanged"]
    rows = site.results()
    assert len(rows) == 43
    assert all(row["result"]["status"] == "ok" for row in rows.values())
    assert rows["0000.jpg"]["job"] == first.job
    assert rows["late/0.jpg"]["job"] == second.job


def test_changed_and_vanished_files_are_told(product: Product) -> None:
    site = Site.make(product, "changes", photos=10)
    first = site.run()
    write(site.folder / "0001.jpg", "quite another picture", age=7200)
    (site.folder / "0002.jpg").unlink()
    second = site.run()
    assert counts(second) == {"found": 9, "changed": 1, "gone": 1, "chosen": 1, "unchanged": 8}
    rows = site.results()
    assert "0002.jpg" not in rows
    assert rows["0001.jpg"]["sha256"] != site.items(first)["0001.jpg"]["sha256"]
    # The same file again: its result is still known.
    write(site.folder / "0002.jpg", "changes 2")
    told = (site.folder / "0003.jpg").stat()
    os.utime(site.folder / "0002.jpg", ns=(told.st_atime_ns, told.st_mtime_ns + 1))
    third = site.run()
    # With another date it is read again, and found to be the photo of before.
    assert counts(third)["new"] == 1
    assert site.known() == {"present": 10, "gone": 0}


def test_a_file_that_comes_back_keeps_its_result(product: Product) -> None:
    site = Site.make(product, "returns", photos=4)
    first = site.run()
    away = product.photos.parent / "away.jpg"
    shutil.move(site.folder / "0001.jpg", away)
    assert counts(site.run())["gone"] == 1
    shutil.move(away, site.folder / "0001.jpg")
    back = site.run()
    assert counts(back) == {"found": 4, "back": 1, "unchanged": 3}
    assert back.job is None
    assert site.results()["0001.jpg"]["job"] == first.job


def test_a_moved_file_keeps_its_result_and_review(product: Product) -> None:
    site = Site.make(product, "moves", photos=6)
    first = site.run()
    site.review("0001.jpg", "stripe-2")
    (site.folder / "best").mkdir()
    (site.folder / "0001.jpg").rename(site.folder / "best" / "chosen.jpg")
    # Of the same size and time as a vanished file, but another photo.
    (site.folder / "0002.jpg").rename(site.folder / "gone.tmp")
    told = (site.folder / "gone.tmp").stat()
    other = write(site.folder / "other.jpg", "y" * told.st_size)
    os.utime(other, ns=(told.st_atime_ns, told.st_mtime_ns))
    second = site.run()
    assert counts(second) == {"found": 6, "new": 1, "moved": 1, "gone": 1, "chosen": 1, "unchanged": 4}
    assert list(site.items(second)) == ["other.jpg"]
    row = site.results()["best/chosen.jpg"]
    assert (row["job"], row["result"]["final_label"]) == (first.job, "stripe-2")


def test_the_same_content_keeps_its_review_although_its_date_is_new(product: Product) -> None:
    site = Site.make(product, "touched", photos=5)
    first = site.run()
    site.review("0001.jpg", "stripe-1")
    site.review("0002.jpg", "stripe-3")
    os.utime(site.folder / "0001.jpg", (1_700_000_000, 1_700_000_000))
    (site.folder / "0002.jpg").rename(site.folder / "renamed.jpg")
    os.utime(site.folder / "renamed.jpg", (1_700_000_000, 1_700_000_000))
    write(site.folder / "copy.jpg", "touched 4", age=9000)
    second = site.run()
    expected = {"found": 6, "new": 2, "changed": 1, "gone": 1, "chosen": 3, "unchanged": 3}
    assert counts(second) == expected | {"touched": 1, "moved_later": 1, "duplicates": 1}
    rows = site.results()
    assert [rows[name]["result"]["final_label"] for name in ("0001.jpg", "renamed.jpg")] == ["stripe-1", "stripe-3"]
    assert {rows[name]["job"] for name in ("0001.jpg", "renamed.jpg")} == {first.job}
    # And the next run has nothing to do.
    assert site.run().job is None


def test_a_renamed_name_form_is_the_same_file(product: Product) -> None:
    site = Site.make(product, "forms")
    write(site.folder / "café.jpg", "an accent")
    write(site.folder / "Silk.jpg", "a capital")
    first = site.run()
    (site.folder / "café.jpg").rename(site.folder / "cafe\u0301.jpg")
    (site.folder / "Silk.jpg").rename(site.folder / "silk.jpg")
    second = site.run()
    assert counts(second) == {"found": 2, "moved": 2}
    assert {row["job"] for row in site.results().values()} == {first.job}
    write(site.folder / "SILK.jpg", "another capital")
    third = site.run()
    assert counts(third) == {"found": 3, "new": 1, "chosen": 1, "unchanged": 2, "variants": 1}
    assert "differs from another one only in case" in told(third)[1]


def test_what_is_still_being_written_waits_for_the_next_run(product: Product) -> None:
    site = Site.make(product, "writing", photos=2)
    fresh = write(site.folder / "fresh.jpg", "half", age=5)
    first = site.run()
    assert counts(first) == {"found": 3, "new": 2, "writing": 1, "chosen": 2}
    write(fresh, "half and half", age=300)
    assert list(site.items(site.run())) == ["fresh.jpg"]


def test_a_missing_or_empty_mount_changes_nothing(product: Product) -> None:
    site = Site.make(product, "mount", photos=5)
    site.run()
    kept = product.photos.parent / "unmounted"
    site.folder.rename(kept)
    refused = site.run()
    assert (refused.state, refused.code) == ("refused", "collection_folder_gone")
    assert "Nothing was changed" in told(refused)[0]
    site.folder.mkdir()
    assert site.run().code == "collection_folder_gone"
    assert site.known() == {"present": 5, "gone": 0}
    site.folder.rmdir()
    kept.rename(site.folder)
    assert counts(site.run()) == {"found": 5, "unchanged": 5}


def test_only_looking_remembers_nothing(product: Product) -> None:
    site = Site.make(product, "dry", photos=25)
    ledger = Ledger.connect(product.settings)
    looked = site.run(dry=True)
    assert (looked.state, looked.job) == (RunState.LOOKED, None)
    assert counts(looked) == {"found": 25, "new": 25, "chosen": 25}
    assert site.known() == {"present": 0, "gone": 0}
    assert expected_seconds(ledger, [looked], 25) is None
    first = site.run()
    write(site.folder / "more.jpg", "one more")
    again = site.run(dry=True)
    expected = expected_seconds(ledger, [again, first], again.counts["chosen"])
    assert expected is not None
    assert expected > 0


def test_all_and_since(product: Product) -> None:
    site = Site.make(product, "choice", photos=3)
    write(site.folder / "old.jpg", "long ago", age=40 * DAY)
    assert counts(site.run(since=time.time() - 1000 * DAY))["chosen"] == 4
    write(site.folder / "older.jpg", "longer ago", age=50 * DAY)
    write(site.folder / "now.jpg", "today")
    some = site.run(since=time.time() - 10 * DAY)
    assert counts(some) == {"found": 6, "new": 1, "older": 1, "chosen": 1, "unchanged": 4}
    every = site.run(everything=True)
    assert counts(every)["chosen"] == 6
    assert {row["job"] for row in site.results().values()} == {every.job}


def test_a_run_over_everything_keeps_reviews(product: Product) -> None:
    site = Site.make(product, "again", photos=5)
    site.run()
    site.review("0001.jpg", "stripe-1")
    site.review("0002.jpg", "stripe-2")
    second = site.run(everything=True)
    # Said of the newer result; the older one of the other photo still counts.
    site.review("0002.jpg", "stripe-3")
    write(site.folder / "0003.jpg", "another picture", age=9000)
    third = site.run(everything=True)
    rows = site.results()
    assert {row["job"] for row in rows.values()} == {third.job}
    assert third.job != second.job
    labels = {name: row["result"]["corrected"] for name, row in rows.items() if row["result"]["corrected"]}
    assert labels == {"0001.jpg": "stripe-1", "0002.jpg": "stripe-3"}
    site.review("0001.jpg", "stripe-0")
    assert site.results()["0001.jpg"]["result"]["final_label"] == "stripe-0"


def test_files_of_a_deleted_job_are_taken_again(product: Product) -> None:
    site = Site.make(product, "deleted", photos=3)
    first = site.run()
    archive.delete(product.settings, Ledger.connect(product.settings), str(first.job))
    assert {row["result"] is None for row in site.results().values()} == {True}
    assert counts(site.run()) == {"found": 3, "again": 3, "chosen": 3}


def test_a_run_that_cannot_be_done_says_why(product: Product) -> None:
    banks = BankStore(product.settings).banks
    bank = banks.new("Velvet")
    site = Site.make(product, "refused", photos=2)
    site.collections.change(site.own.id, Wish(bank="velvet"))
    refused = site.run()
    # The new bank is empty.
    assert (refused.state, refused.job) == (RunState.REFUSED, None)
    assert refused.code in ("no_bank", "bank_archived")
    assert site.known() == {"present": 0, "gone": 0}
    banks.change(bank.id, archived=True)
    assert site.run().code == "bank_archived"
    site.collections.change(site.own.id, Wish(bank=""))
    assert counts(site.run())["chosen"] == 2
    # The folder has become a link that leads out.
    site.folder.rename(site.folder.with_name("refused-away"))
    site.folder.symlink_to("/etc")
    assert site.run().code == "folder_not_allowed"


def test_photos_that_could_not_be_read_are_taken_again(product: Product) -> None:
    site = Site.make(product, "broken", photos=2)
    (site.folder / "link.jpg").symlink_to(site.folder / "target.bin")
    os.utime(site.folder / "link.jpg", (1_700_000_000, 1_700_000_000), follow_symlinks=False)
    first = site.run()
    assert site.items(first)["link.jpg"]["error"]["code"] in ("missing_file", "unreadable")
    write(site.folder / "target.bin", "there it is")
    archive.delete(product.settings, Ledger.connect(product.settings), str(first.job))
    (site.folder / "0000.jpg").unlink()
    second = site.run()
    assert list(site.items(second)) == ["0001.jpg", "link.jpg"]
    assert site.items(second)["link.jpg"]["status"] == "ok"


def test_rules_and_several_folders(product: Product) -> None:
    season = product.photos / "season"
    for name in ("wool/a.jpg", "wool/thumbs/a.jpg", "wool/deep/er/b.jpg", "silk/c.png", "silk/.hidden/d.jpg"):
        write(season / name, name)
    (season / "wool" / "linked").symlink_to(product.photos / "season" / "extra")
    write(season / "extra" / "e.jpg", "e")
    collections = Collections(product.settings)
    rules = Rules(exclude=("thumbs/",), truth=True)
    folders = (str(season / "wool"), str(season / "silk"))
    site = Site(product, season, collections.new(Wish(name="season", folders=folders, rules=rules)))
    assert sorted(site.items(site.run())) == ["silk/c.png", "wool/a.jpg", "wool/deep/er/b.jpg"]
    assert {name: row["truth"] for name, row in site.results().items()} == {
        "silk/c.png": "silk",
        "wool/a.jpg": "wool",
        "wool/deep/er/b.jpg": "er",
    }
    wider = rules.model_copy(update={"hidden": True, "links": True, "depth": 1})
    site.own = collections.change(site.own.id, Wish(rules=wider))
    assert sorted(site.items(site.run())) == ["silk/.hidden/d.jpg", "wool/linked/e.jpg"]
    assert "wool/deep/er/b.jpg" not in site.results()
    site.own = collections.change(site.own.id, Wish(rules=rules.model_copy(update={"formats": (".PNG",)})))
    assert counts(site.run())["gone"] == 3
    assert list(site.results()) == ["silk/c.png"]


def test_one_run_at_a_time(product: Product) -> None:
    site = Site.make(product, "once", photos=2)
    run = site.ask()
    with pytest.raises(Conflict, match="under way"):
        site.ask(dry=True)
    site.ended(run)
    with pytest.raises(Conflict, match="already a collection"):
        site.collections.new(Wish(name="ONCE", folders=(str(site.folder),)))
    site.collections.delete("once")
    assert site.own not in site.collections.list()


def test_folders_outside_the_allowed_ones_are_refused(product: Product) -> None:
    with pytest.raises(FolderNotAllowed):
        Collections(product.settings).new(Wish(name="outside", folders=("/etc",)))
