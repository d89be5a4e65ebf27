"""`weft submit`: by reference where the running server may read, else copied, checked beforehand, and gone on with."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.cli import main as cli
from scripts.cli import output
from scripts.supervisor import redis as embedded
from shared.core.errors import Unavailable
from shared.core.settings import Settings
from shared.jobs.intake.idempotency import Command
from shared.jobs.intake.known_files import KnownFiles
from shared.jobs.intake.receive import THREADS, survey
from shared.jobs.intake.sources import LocalFile
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job
from shared.storage import open_storage
from tests.banks import by_label, clustered, make_bank
from tests.ledger_harness import photos as items
from tests.ledger_harness import spec
from tests.product import ROOT, eventually
from worker.dispatcher.main import Dispatcher

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def weft(settings: Settings, redis_pair: embedded.Pair, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, on a data folder with a bank and Redis."""
    make_bank(settings, by_label(clustered(2)))

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        capfd.readouterr()
        line = [*map(str, arguments), "--data-dir", str(settings.data_dir)]
        return subprocess.CompletedProcess(line, cli.run(line), *capfd.readouterr())

    return run


def make(folder: Path, count: int, size: int = 0) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:04}.jpg").write_bytes(b"%d" % number + bytes(size))
    return folder


def answer(done: subprocess.CompletedProcess[str], code: int = 0) -> Any:
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def stored(settings: Settings) -> list[Path]:
    return sorted((settings.data_dir / "blobs").glob("??/*"))


@contextmanager
def served(settings: Settings) -> Iterator[None]:
    """A dispatcher at work, whose folder roots are its own."""
    over = threading.Event()
    thread = threading.Thread(target=Dispatcher(settings).run, args=(over,))
    thread.start()
    try:
        eventually(lambda: Ledger.connect(settings).folder_roots() is not None, what="the announcement")
        yield
    finally:
        over.set()
        thread.join()


def test_the_servers_roots_decide_not_those_of_the_shell(weft: Run, settings: Settings, tmp_path: Path) -> None:
    folder = make(tmp_path / "nas" / "night", 3)
    with served(settings.model_copy(update={"folder_roots": str(tmp_path / "nas")})):
        done = weft("submit", folder, "--json")
        job = answer(done)
        assert (job["kind"], job["path"]) == ("folder", str(folder))
        assert f"Photos are not copied: the server reads them from {folder}" in done.stderr
        assert stored(settings) == []

        outside = make(tmp_path / "elsewhere", 2)
        done = weft("submit", outside, "--json")
        assert answer(done)["kind"] == "upload"
        assert f"not inside a folder that the server can read ({tmp_path / 'nas'})" in done.stderr
        assert "0 of 2 photos are already stored" in done.stderr
        assert answer(weft("submit", folder, "--copy", "--json"))["kind"] == "upload"


def test_without_a_server_the_shells_roots_are_used_and_that_is_said(weft: Run, tmp_path: Path) -> None:
    done = weft("submit", make(tmp_path / "night", 1), "--json")
    assert answer(done)["kind"] == "upload"
    assert "WEFT_FOLDER_ROOTS of this shell" in done.stderr


def test_limits_are_checked_before_anything_is_copied(
    weft: Run, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(tmp_path / "night", 2)
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.jpg", b"%d" % number)
    monkeypatch.setenv("WEFT_MAX_UPLOAD_FILES", "4")
    refused = weft("submit", *sorted(folder.iterdir()), "--json")
    assert answer(refused, 1)["error"]["code"] == "too_many_files"
    assert stored(settings) == []
    assert Ledger.connect(settings).jobs() == []


def test_photos_that_the_disk_has_no_room_for_are_refused(settings: Settings, tmp_path: Path) -> None:
    # Only counted, never copied: a test that copied them would fill the disk.
    roomy = settings.model_copy(update={"max_photo_bytes": 1 << 50})
    with (tmp_path / "huge.jpg").open("wb") as sparse:
        sparse.truncate(1 << 43)
    with closing(KnownFiles(roomy.data_dir)) as known, pytest.raises(Unavailable) as refused:
        survey([LocalFile("huge.jpg", tmp_path / "huge.jpg")], open_storage(roomy), roomy, known)
    assert refused.value.code == "disk_too_small"


@pytest.mark.parametrize("command", ["submit", "classify"])
def test_a_full_redis_refuses_as_on_the_web(weft: Run, settings: Settings, tmp_path: Path, command: str) -> None:
    folder = make(tmp_path / "night", 1)
    ledger = Ledger.connect(settings)
    redis = ledger.connection.redis
    before = redis.config_get("maxmemory")["maxmemory"]
    redis.config_set("maxmemory", int(ledger.memory()[0] / 0.7))
    try:
        assert answer(weft(command, folder, "--json"), 1)["error"]["code"] == "memory_full"
    finally:
        redis.config_set("maxmemory", before)
    assert stored(settings) == []


def test_progress_is_told_where_there_is_no_terminal(
    weft: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "LINE_SECONDS", 0.0)
    done = weft("submit", make(tmp_path / "night", 3), "--json")
    assert "Copying 2 / 3" in done.stderr
    assert answer(done)["total"] == 3


def test_what_is_stored_is_not_read_again(weft: Run, settings: Settings, tmp_path: Path) -> None:
    folder = make(tmp_path / "night", 5)
    # Files that have only just changed are not trusted to stay as they are.
    time.sleep(2.1)
    first = answer(weft("submit", folder, "--json"))
    (folder / "0000.jpg").write_bytes(b"another photo")
    inodes = {path.name: path.stat().st_ino for path in stored(settings)}
    done = weft("submit", folder, "--json")
    assert "4 of 5 photos are already stored" in done.stderr
    again = answer(done)
    # Asked for anew once it was accepted: another job.
    assert (again["total"], again["id"] != first["id"]) == (5, True)
    assert {path.name: path.stat().st_ino for path in stored(settings)}.items() >= inodes.items()
    assert len(stored(settings)) == 6


def test_a_blob_that_is_gone_is_copied_again(weft: Run, settings: Settings, tmp_path: Path) -> None:
    folder = make(tmp_path / "night", 2)
    time.sleep(2.1)
    answer(weft("submit", folder, "--json"))
    for path in stored(settings):
        path.unlink()
    answer(weft("submit", folder, "--json"))
    assert len(stored(settings)) == 2


def test_an_interrupted_command_goes_on_and_makes_one_job(weft: Run, settings: Settings, tmp_path: Path) -> None:
    folder = make(tmp_path / "night", 6000)
    time.sleep(2.1)
    # With a slow disk, so that it is interrupted in the middle also where this test gets little time.
    slow = (
        "import os, signal, time; from scripts.cli.main import main; "
        # A shell's background command ignores it.
        "signal.signal(signal.SIGINT, signal.default_int_handler); "
        "os.fdatasync = lambda file: time.sleep(0.1); main()"
    )
    line = [sys.executable, "-c", slow, "submit", str(folder), "--json", "--data-dir", str(settings.data_dir)]
    env = {**os.environ, "WEFT_LANG": "en"}
    with subprocess.Popen(line, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        # Not counted: on a machine with nothing else to do, all are copied before so many files are.
        eventually((settings.data_dir / "blobs").exists, what="the first copies")
        run.send_signal(signal.SIGINT)
        printed = run.communicate(timeout=300)[1]
    assert run.returncode == 130, printed
    assert "Run the same command again to continue" in printed
    assert Ledger.connect(settings).jobs() == []
    kept = len(stored(settings))
    assert 0 < kept < 6000
    assert list((settings.data_dir / "spool").iterdir()) == []

    done = weft("submit", folder, "--json")
    told = re.search(r"(\d+) of 6000 photos are already stored", done.stderr)
    assert told
    # A thread that was stopped between storing a file and noting it reads it again.
    assert kept - THREADS <= int(told[1]) <= kept
    assert answer(done)["total"] == 6000
    assert len(Ledger.connect(settings).jobs()) == 1


def test_a_command_that_died_behind_its_acceptance_makes_no_second_job(
    settings: Settings, redis_pair: embedded.Pair
) -> None:
    ledger = Ledger.connect(settings)
    made: list[Job] = []

    def accepted(key: str | None, fingerprint: str) -> Job:
        made.append(ledger.submit(spec(), items(3), key, fingerprint))
        return made[-1]

    def killed(key: str | None, fingerprint: str) -> Job:
        accepted(key, fingerprint)
        raise KeyboardInterrupt

    with closing(KnownFiles(settings.data_dir)) as known, pytest.raises(KeyboardInterrupt):
        Command(known, "the command").submit(killed, "same")
    with closing(KnownFiles(settings.data_dir)) as known:
        again = Command(known, "the command").submit(accepted, "same")
        assert again.id == made[0].id
        # The command knows its job now: given once more, it is meant.
        assert Command(known, "the command").submit(accepted, "same").id != again.id
    assert len(ledger.jobs()) == 2


def test_photos_that_changed_after_such_a_death_are_another_job(settings: Settings, redis_pair: embedded.Pair) -> None:
    ledger = Ledger.connect(settings)

    def killed(key: str | None, fingerprint: str) -> Job:
        ledger.submit(spec(), items(3), key, fingerprint)
        raise KeyboardInterrupt

    with closing(KnownFiles(settings.data_dir)) as known:
        with pytest.raises(KeyboardInterrupt):
            Command(known, "the command").submit(killed, "before")
        job = Command(known, "the command").submit(lambda *repeat: ledger.submit(spec(), items(4), *repeat), "after")
    assert job.total == 4
