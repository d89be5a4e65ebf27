"""The same request through page, API and command line: refused with the same code, or accepted as the same job."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scripts.cli.commands import classify
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.intake.idempotency import Command, fingerprint
from shared.jobs.intake.known_files import KnownFiles
from shared.jobs.ledger import keys, wire
from tests.banks import by_label, clustered, make_bank
from tests.doors import Doors, Refusal, answer, packed, photos, require
from tests.ledger_harness import LedgerHarness

pytestmark = pytest.mark.slow

DAY = 86400.0
#: More than any disk has free.
HUGE = 1 << 43


@pytest.fixture
def doors(
    harness: LedgerHarness,
    ledger_settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., Doors]:
    """Opens the doors with further settings (`WEFT_` variables, as all processes of an installation share them)."""

    def opened(bank: bool = True, **values: Any) -> Doors:
        shared = {"redis_url": addresses(ledger_settings).ledger, "engine": "null", "folder_roots": tmp_path / "nas"}
        for name, value in {**shared, **values}.items():
            monkeypatch.setenv(f"WEFT_{name.upper()}", str(value))
        (tmp_path / "nas").mkdir(exist_ok=True)
        settings = Settings(data_dir=tmp_path / "data")
        if bank:
            make_bank(settings, by_label(clustered(2)))
        return Doors(settings, harness.ledger, capfd)

    return opened


@pytest.fixture
def full(harness: LedgerHarness) -> Iterator[None]:
    """A ledger that takes no job."""
    harness.redis.config_set("maxmemory", int(harness.ledger.memory()[0] / 0.7))
    yield
    harness.redis.config_set("maxmemory", "0")


DOORS = pytest.mark.parametrize("door", ["page", "api", "cli"])


@DOORS
@pytest.mark.parametrize("by_reference", [False, True], ids=["files", "folder"])
@pytest.mark.parametrize(
    ("wish", "code"),
    [({"preset": "wild"}, "unknown_preset"), ({"at": 400 * DAY}, "start_out_of_range")],
    ids=["preset", "start"],
)
def test_what_is_asked_wrongly(
    doors: Callable[..., Doors], door: str, by_reference: bool, wish: dict[str, Any], code: str, tmp_path: Path
) -> None:
    site = doors()
    photos(tmp_path / "nas" / "night")
    if "at" in wish:
        wish = {"at": float(int(time.time() + wish["at"]))}
    refusal = site.send(door, [tmp_path / "nas" / "night"], by_reference, **wish)
    require(refusal, code)
    # A wrong option is wrong usage.
    assert door != "cli" or (isinstance(refusal, Refusal) and refusal.exit_code == 2)
    assert site.ledger.jobs() == []


@DOORS
@pytest.mark.parametrize("by_reference", [False, True], ids=["files", "folder"])
@pytest.mark.usefixtures("full")
def test_no_room_in_the_ledger(doors: Callable[..., Doors], door: str, by_reference: bool, tmp_path: Path) -> None:
    photos(tmp_path / "nas" / "night")
    require(doors().send(door, [tmp_path / "nas" / "night"], by_reference), "memory_full")


@DOORS
@pytest.mark.parametrize("by_reference", [False, True], ids=["files", "folder"])
def test_no_bank(doors: Callable[..., Doors], door: str, by_reference: bool, tmp_path: Path) -> None:
    photos(tmp_path / "nas" / "night")
    require(doors(bank=False).send(door, [tmp_path / "nas" / "night"], by_reference), "no_bank")


@DOORS
def test_no_room_on_the_disk(doors: Callable[..., Doors], door: str, tmp_path: Path) -> None:
    # Only announced, never sent: a test that sent it would fill the disk.
    limit = 1 << 36
    site = doors(max_upload_bytes=1 << 44, max_photo_bytes=limit)
    # Of a larger file no more than the limit would be stored: so many that no disk has room for them.
    paths = [tmp_path / f"huge-{number}.jpg" for number in range(HUGE // limit if door == "cli" else 1)]
    for path in paths:
        with path.open("wb") as sparse:
            sparse.truncate(limit)
    require(site.send(door, paths, length=HUGE), "disk_too_small")


@DOORS
@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda at: photos(at, 3), "too_many_files"),
        (lambda at: [packed(at / "a.zip", b"1", b"2", b"3")], "too_many_files"),
        (lambda at: [*photos(at, 1), packed(at / "a.zip", b"1", b"2")], "too_many_files"),
        (lambda at: [packed(at / "a.zip", bytes(70 * 1024**2))], "zip_bomb"),
        (lambda at: [at / "a.zip"] if (at / "a.zip").write_bytes(b"PK\x03\x04 no") else [], "zip_damaged"),
        (lambda at: [packed(at / "a.zip")], "no_files"),
    ],
    ids=["files", "members", "together", "bomb", "damaged", "empty"],
)
def test_files_that_are_refused(
    doors: Callable[..., Doors], door: str, make: Callable[[Path], list[Path]], code: str, tmp_path: Path
) -> None:
    site = doors(max_upload_files=2)
    require(site.send(door, make(tmp_path)), code)
    assert site.ledger.jobs() == []
    # Nothing was stored: limits are checked before.
    assert not list((site.settings.data_dir / "blobs").glob("??/*"))
    assert not list((site.settings.data_dir / "spool").glob("*"))


@DOORS
def test_an_empty_folder(doors: Callable[..., Doors], door: str, tmp_path: Path) -> None:
    site = doors()
    (tmp_path / "nas" / "empty").mkdir()
    require(site.send(door, [tmp_path / "nas" / "empty"], by_reference=True), "folder_empty")


@pytest.mark.parametrize("door", ["page", "api"])
def test_a_folder_outside_is_refused_where_its_photos_are_not_at_hand(
    doors: Callable[..., Doors], door: str, tmp_path: Path
) -> None:
    photos(tmp_path / "elsewhere")
    require(doors().send(door, [tmp_path / "elsewhere"], by_reference=True), "folder_not_allowed")


def test_a_folder_outside_is_copied_as_an_upload_of_it(doors: Callable[..., Doors], tmp_path: Path) -> None:
    site = doors()
    photos(tmp_path / "elsewhere")
    jobs = [site.send(door, [tmp_path / "elsewhere"]) for door in ("page", "api", "cli")]
    site.same(jobs)


@pytest.mark.parametrize(
    ("wish", "name", "preset", "lane"),
    [
        ({}, "night", "standard", "interactive"),
        ({"name": " Nigh\u202et\x07 \t run\u200b "}, "Night run", "standard", "interactive"),
        ({"name": "x" * 300}, "x" * 200, "standard", "interactive"),
        ({"preset": "precise", "at": 3600.0}, "night", "precise", "bulk"),
    ],
    ids=["defaults", "controls", "long", "scheduled"],
)
def test_files_become_the_same_job(
    doors: Callable[..., Doors], tmp_path: Path, wish: dict[str, Any], name: str, preset: str, lane: str
) -> None:
    site = doors()
    photos(tmp_path / "night", 3)
    if "at" in wish:
        wish = {**wish, "at": float(int(time.time() + wish["at"]))}
    jobs = [site.send(door, [tmp_path / "night"], **wish) for door in ("page", "api", "cli")]
    job = site.same(jobs)
    assert (job.name, job.preset, job.lane, job.kind, job.total) == (name, preset, lane, "upload", 3)
    assert job.not_before == wish.get("at")
    items = [site.items(str(job_id)) for job_id in jobs]
    assert items[0] == items[1] == items[2]
    assert [item[0] for item in items[0]] == ["night/0.jpg", "night/1.jpg", "night/2.jpg"]


@pytest.mark.parametrize("count", [1, 2, 17])
@pytest.mark.parametrize("zipped", [False, True], ids=["photos", "zip"])
def test_default_names_and_lanes_are_the_same(
    doors: Callable[..., Doors], tmp_path: Path, count: int, zipped: bool
) -> None:
    site = doors()
    contents = [b"%d" % number for number in range(count)]
    paths = [packed(tmp_path / "roll.zip", *contents)] if zipped else photos(tmp_path, count)
    job = site.same([site.send(door, paths) for door in ("page", "api", "cli")])
    assert job.name == ("roll.zip" if zipped else "0.jpg" if count == 1 else f"0.jpg +{count - 1}")
    assert (job.lane, job.total) == ("interactive" if count <= 16 else "bulk", count)


@pytest.mark.parametrize("wish", [{}, {"name": "Nigh\u202et\x07 run", "preset": "realtime"}], ids=["defaults", "wish"])
def test_folders_become_the_same_job(doors: Callable[..., Doors], tmp_path: Path, wish: dict[str, str]) -> None:
    site = doors()
    photos(tmp_path / "nas" / "night")
    jobs = [site.send(door, [tmp_path / "nas" / "night"], by_reference=True, **wish) for door in ("page", "api", "cli")]
    job = site.same(jobs)
    assert (job.name, job.preset) == (("Night run", "realtime") if wish else ("night", "precise"))
    assert (job.kind, job.path, job.lane) == ("folder", str(tmp_path / "nas" / "night"), "bulk")


@pytest.mark.parametrize("wish", [{}, {"preset": "precise"}], ids=["defaults", "preset"])
def test_single_photos_become_the_same_job(
    doors: Callable[..., Doors], harness: LedgerHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: Any
) -> None:
    monkeypatch.setattr(classify, "NO_WORKER_SECONDS", 0.0)
    site = doors()
    [photo] = photos(tmp_path, 1)
    body = {"file": (io.BytesIO(photo.read_bytes()), photo.name), **wish}
    asked = answer(site.client().post("/api/v1/classify?wait=0", data=body))
    code, out, _ = site.run("classify", photo, *(f"--{name}={value}" for name, value in wish.items()))
    assert (code, json.loads(out)["error"]["code"]) == (1, "no_worker")
    made: list[str | Refusal] = [raw.decode() for raw in harness.redis.zrange(keys.BRIEF, 0, -1)]
    assert asked in made
    assert len(made) == 2
    job = site.same(made)
    assert (job.name, job.kind, job.lane, job.preset) == (
        "0.jpg",
        "classify",
        "interactive",
        wish.get("preset", "realtime"),
    )


@pytest.mark.parametrize("door", ["page", "api"])
@pytest.mark.parametrize("by_reference", [False, True], ids=["files", "folder"])
def test_a_repeated_key(doors: Callable[..., Doors], door: str, by_reference: bool, tmp_path: Path) -> None:
    site = doors()
    folder = tmp_path / "nas" / "night"
    photos(folder)
    first = site.send(door, [folder], by_reference, key="once")
    assert site.send(door, [folder], by_reference, key="once") == first
    require(site.send(door, [folder], by_reference, key="once", name="other"), "idempotency_mismatch")
    require(site.send(door, [folder], by_reference, key="k" * 201), "invalid_request")
    assert len(site.ledger.jobs()) == 1


@pytest.mark.parametrize("copy", [False, True], ids=["folder", "files"])
def test_a_repeated_command(doors: Callable[..., Doors], copy: bool, tmp_path: Path) -> None:
    """Its data folder remembers the key until the command has learned of its job."""
    site = doors()
    folder = tmp_path / "nas" / "night"
    photos(folder)
    made = []
    for _ in range(2):
        with closing(KnownFiles(site.settings.data_dir)) as known:
            command = Command.of(known, [folder], "", None, None, copy)
            known._db.execute("INSERT INTO unfinished VALUES (?, ?, ?)", (command.request, "the-key", time.time()))
        code, out, err = site.run("submit", folder, *(["--copy"] if copy else []))
        assert code == 0, err
        made.append(json.loads(out)["id"])
    assert made[0] == made[1]
    code, out, _ = site.run("submit", folder, *(["--copy"] if copy else []))
    # The command knows its job now: given once more, it is meant.
    assert (code, json.loads(out)["id"] != made[0]) == (0, True)


def test_fingerprints_are_those_of_earlier_versions(doors: Callable[..., Doors], tmp_path: Path) -> None:
    """A request that is repeated across an upgrade is the same request."""
    site = doors()
    folder = tmp_path / "nas" / "night"
    photos(folder)
    at = float(int(time.time() + 3600))
    job = site.send("api", [folder], key="upload", name=" June ")
    site.send("api", [folder], key="later", at=at)
    site.send("api", [folder], by_reference=True, key="folder")
    redis = site.ledger.connection.redis
    stored = {json.loads(redis.get(name))["fingerprint"] for name in redis.scan_iter("weft:idem:*")}
    items = wire.unpack_items(redis.get(keys.job(str(job), "in:0")))
    assert stored == {
        fingerprint("upload", "June", "standard", items=items),
        fingerprint("upload", "", "standard", at, items=items),
        fingerprint("folder", str(folder), "", "precise", None),
    }


def test_all_speak_the_same_language(
    doors: Callable[..., Doors], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = doors()
    damaged = tmp_path / "面料.zip"
    damaged.write_bytes(b"broken")
    monkeypatch.setenv("WEFT_LANG", "zh")
    for door in ("page", "api", "cli"):
        refusal = site.send(door, [damaged], lang="zh")
        assert isinstance(refusal, Refusal)
        assert "压缩包 面料.zip 已损坏。" in refusal.text
