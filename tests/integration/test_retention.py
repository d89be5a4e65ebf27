"""Each kind is kept as its policy says, what is pinned or in use stays, and a dry run shows what would go."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scripts.supervisor import redis as embedded
from shared.bank.drafts import Drafts
from shared.bank.store import BankStore
from shared.core.errors import Conflict
from shared.core.settings import Settings
from shared.curation.build import build_bank
from shared.encoder import load_encoder
from shared.jobs import archive
from shared.jobs.heartbeat import Heartbeat, WorkerState
from shared.jobs.ledger import Ledger
from shared.jobs.projection import open_projection, projection_path
from shared.jobs.reviews import Review, ReviewState
from shared.maintenance import disk_use, retention
from shared.maintenance.retention.pins import Pins
from shared.maintenance.retention.plan import DAY, Policies
from shared.storage import open_storage
from shared.storage.local import LocalStorage
from tests.bank_api import call, finished, submit_photos
from tests.ledger_harness import LedgerHarness, photos, sha, spec
from tests.product import eventually, make_photos, run_product
from tests.s3_server import BUCKET, S3Server, s3_here

pytestmark = pytest.mark.slow


@pytest.fixture
def ledger(settings: Settings, redis_pair: embedded.Pair) -> Iterator[Ledger]:
    connected = Ledger.connect(settings)
    yield connected
    connected.connection.redis.close()


def gone(settings: Settings, ledger: Ledger, **policies: Any) -> dict[str, list[str]]:
    """Names of what a round takes, which is what a look showed before."""
    storage = open_storage(settings)
    shown = retention.look(settings, ledger, storage, Policies(**policies))
    taken = retention.remove(settings, ledger, storage, Policies(**policies))
    names = {kind: sorted(due.name for due in found.due) for kind, found in taken.items()}
    assert names == {kind: sorted(due.name for due in found.due) for kind, found in shown.items()}
    assert {k: f.bytes for k, f in taken.items()} == {k: f.bytes for k, f in shown.items()}
    # Nothing is left of it.
    again = retention.look(settings, ledger, storage, Policies(**policies))
    assert not [due for found in again.values() for due in found.due]
    return {kind: found for kind, found in names.items() if found}


def store(settings: Settings, name: str, days: float) -> Path:
    """A blob and its thumbnails, untouched for so many days."""
    storage = LocalStorage(settings.data_dir)
    storage.put(name.encode(), sha(name))
    for large in (False, True):
        storage.put_thumb(sha(name), b"small", large=large)
    for path in settings.data_dir.glob(f"*/{sha(name)[:2]}/{sha(name)}*"):
        os.utime(path, (time.time() - days * DAY,) * 2)
    return settings.data_dir / "blobs" / sha(name)[:2] / sha(name)


def test_only_uploads_that_no_job_names_go(settings: Settings, ledger: Ledger) -> None:
    named = store(settings, "p0", 9)
    ledger.submit(spec(), photos(1))
    old, young, wanted = (store(settings, name, days) for name, days in (("old", 9), ("young", 0.5), ("again", 9)))
    # Somebody uploads the same bytes again, and has not submitted them yet.
    spooled = LocalStorage(settings.data_dir).spool_dir() / "upload"
    spooled.write_bytes(b"again")
    LocalStorage(settings.data_dir).adopt(spooled, sha("again"))
    found = retention.look(settings, ledger, open_storage(settings), Policies(uploads=1))
    assert [due.bytes for due in found["blobs"].due] == [len("old")]
    assert old.exists()
    assert gone(settings, ledger, uploads=1)["blobs"] == [sha("old")]
    assert [path.exists() for path in (named, old, young, wanted)] == [True, False, True, True]
    assert gone(settings, ledger, uploads=0) == {}
    assert gone(settings, ledger, uploads=1e-9)["blobs"] == sorted([sha("young"), sha("again")])
    assert named.exists()


def test_what_is_asked_for_at_the_last_moment_stays(settings: Settings, ledger: Ledger) -> None:
    path = store(settings, "late", 9)
    found = retention.look(settings, ledger, open_storage(settings), Policies(uploads=1))["blobs"]
    assert LocalStorage(settings.data_dir).keep(sha("late"))
    assert [due.take() for due in found.due] == [False]
    assert path.exists()


def archived(harness: LedgerHarness, settings: Settings, name: str, reviewed: bool = False) -> str:
    job = harness.submit(3, name)
    harness.admit(job)
    harness.drain(harness.worker())
    if reviewed:
        with closing(open_projection(settings, job.id)) as projection:
            projection.catch_up(harness.ledger)
            projection.review(0, Review(ReviewState.REJECTED))
    assert archive.release(settings, harness.ledger, job.id)
    return job.id


def test_results_of_archived_jobs_go_after_their_term(settings: Settings, ledger: Ledger) -> None:
    harness = LedgerHarness(ledger)
    plain, pinned = (archived(harness, settings, name) for name in ("plain", "pinned"))
    reviewed = archived(harness, settings, "reviewed", reviewed=True)
    held = harness.submit(2, "still in the ledger")
    Pins(settings).change([f"job:{pinned}"], [])
    assert gone(settings, ledger, results=1) == {}
    assert gone(settings, ledger, results=1e-7) == {"results": [plain]}
    assert not projection_path(settings, plain).exists()
    assert {job.id for job in ledger.listed()} == {pinned, reviewed, held.id}
    Pins(settings).change([], [f"job:{pinned}"])
    assert gone(settings, ledger, results=1e-7) == {"results": [pinned]}


def versions(settings: Settings, folder: Path, count: int) -> list[str]:
    """So many versions of the default bank, oldest first and all of them a month old; the last is active."""
    encoder = load_encoder(settings, threads=1)
    bank = BankStore(settings)
    made = []
    now = time.time
    for n in range(count):
        with pytest.MonkeyPatch.context() as earlier:
            earlier.setattr(time, "time", lambda n=n: now() - (30 - n) * DAY)
            made.append(build_bank(make_photos(folder / str(n), 2, 3 + n), encoder, settings))
            bank.publish(made[-1])
    return made


def test_old_versions_of_a_bank_go_unless_somebody_needs_them(
    settings: Settings, ledger: Ledger, tmp_path: Path
) -> None:
    made = versions(settings, tmp_path / "photos", 8)
    bank = BankStore(settings)
    of_job, pinned, of_worker, draft, plain, third, before, active = made
    ledger.submit(spec(bank=of_job), photos(1))
    Pins(settings).change([f"version:{pinned}"], [])
    beat = Heartbeat(id="w1", host="h", state=WorkerState.READY, banks=[of_worker])
    ledger.record_heartbeat("w1", beat.to_json())
    Drafts(bank).extend(draft, None)
    # Somebody was killed while he removed a version.
    (bank.root / ".gone-20200101-000000-aaaaaa").mkdir()
    assert gone(settings, ledger, bank_versions=0) == {}
    assert gone(settings, ledger, bank_versions=3) == {"bank_versions": [plain]}
    assert bank.current() == active
    assert {entry.version for entry in BankStore(settings).list()} == {*made} - {plain}
    assert not list(bank.root.glob(".gone-*"))
    # The version that a roll back makes active stays as well.
    assert gone(settings, ledger, bank_versions=1) == {"bank_versions": [third]}
    assert BankStore(settings).rollback() == before


def test_a_version_that_was_made_this_week_stays(settings: Settings, ledger: Ledger, tmp_path: Path) -> None:
    encoder = load_encoder(settings, threads=1)
    for n in range(3):
        build_bank(make_photos(tmp_path / str(n), 2, 3 + n), encoder, settings)
    assert gone(settings, ledger, bank_versions=1) == {}


@pytest.mark.long
def test_models_that_nothing_names_go(settings: Settings, ledger: Ledger, tmp_path: Path) -> None:
    chosen = Settings(data_dir=settings.data_dir, model="demo", engine="openvino")
    encoder = load_encoder(chosen, threads=1)
    encoder.close()
    [used] = [path.parent for path in settings.model_store.glob("*/manifest.json")]
    document = json.loads((used / "manifest.json").read_text("utf-8"))
    for name in ("old", "of a worker", "pinned"):
        other = shutil.copytree(used, settings.model_store / f"{'0' * 15}{len(name):x}")
        told = {**document, "name": name, "identity": other.name, "created": time.time() - 90 * DAY}
        (other / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    ledger.record_heartbeat("w1", Heartbeat(id="w1", host="h", state=WorkerState.READY, model="of a worker").to_json())
    Pins(settings).change([f"model:{'0' * 15}{len('pinned'):x}"], [])
    document["created"] = time.time() - 90 * DAY
    (used / "manifest.json").write_text(json.dumps(document), encoding="utf-8")
    assert gone(chosen, ledger, models=100) == {}
    assert gone(chosen, ledger, models=30) == {"models": [f"{'0' * 15}{len('old'):x}"]}
    assert used.exists()


def test_damaged_pins_stop_everything(settings: Settings, ledger: Ledger) -> None:
    store(settings, "old", 9)
    (settings.data_dir / "pins.json").write_text("{")
    with pytest.raises(Conflict, match="Expecting"):
        retention.remove(settings, ledger, open_storage(settings), Policies(uploads=1))


def test_the_dispatcher_does_it_by_itself_and_a_dry_run_shows_it_before(tmp_path: Path) -> None:
    terms = {"keep_days": "0.00003", "results_days": "0.00005"}
    with run_product(tmp_path, appendfsync="everysec", **terms) as product:
        job = finished(product, submit_photos(product, "short", 3))
        told = product.weft("gc", "--dry-run", "--json")
        assert told.returncode == 0, told.stderr
        assert set(json.loads(told.stdout)) == {*retention.KINDS, "pinned", "dry_run"}
        eventually(lambda: not projection_path(product.settings, job["id"]).exists(), what="the end of the results")
        eventually(lambda: call(product, "GET", "/jobs")["jobs"] == [], what="the end of the job")
        connection = Ledger.connect(product.settings).connection
        eventually(lambda: disk_use.last(connection) is not None)
        use = disk_use.last(connection)
        assert use is not None
        assert use.bytes["banks"] > 0
        log = (product.settings.run_dir / "dispatcher.log").read_text("utf-8")
        assert "retention" in log
        assert "keeper_failed" not in log


def test_nobody_removes_from_an_object_store_unasked(settings: Settings) -> None:
    assert Policies.of(settings).uploads == 7
    shared = Settings(data_dir=settings.data_dir, storage_url="s3://swatches/weft")
    assert Policies.of(shared).uploads == 0
    assert (
        Policies.of(Settings(data_dir=settings.data_dir, storage_url="s3://swatches/weft", uploads_days=3)).uploads == 3
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_here(tmp_path_factory.mktemp("s3")) as started:
        yield started


def test_an_object_store_is_cleaned_too(
    settings: Settings, ledger: Ledger, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = Settings(**{**settings.model_dump(), "storage_url": f"s3://{BUCKET}/weft", "engine": "null"})
    storage = open_storage(shared)
    ledger.submit(spec(), photos(1))
    for name in ("p0", "old"):
        storage.put(name.encode(), sha(name))
        storage.put_thumb(sha(name), b"small")
    made = versions(shared, tmp_path / "photos", 4)
    assert len(server.objects(f"weft/banks/{made[0]}/")) > 1
    use = disk_use.measure(shared, storage)
    assert (use.bytes["uploads"], use.bytes["thumbnails"]) == (len("p0old"), 10)
    # What was written just now is safe, whatever the term.
    assert "blobs" not in gone(shared, ledger, uploads=1e-9)
    assert not storage.remove("blobs", sha("old"), time.time() - 3600)
    # Three days later: the server cannot be told another time, so we are.
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() + 3 * DAY)
    names = gone(shared, ledger, uploads=1)
    monkeypatch.undo()
    assert names == {"blobs": [sha("old")], "thumbs": [sha("old")]}
    assert server.objects("weft/blobs/") == [f"weft/blobs/{sha('p0')[:2]}/{sha('p0')}"]
    assert gone(shared, ledger, bank_versions=1) == {"bank_versions": sorted(made[:2])}
    assert server.objects(f"weft/banks/{made[0]}/") == []
    assert len(server.objects(f"weft/banks/{made[3]}/")) > 1
