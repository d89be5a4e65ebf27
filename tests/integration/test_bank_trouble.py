"""A full disk, a damaged version, work that dies: the bank in force is untouched, and what is wrong is said."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from shared.bank.store import BankStore
from shared.core.errors import BankError, Conflict, NotFound
from shared.core.settings import Settings
from shared.curation import tasks
from shared.curation.derive import Change, derive
from shared.curation.task_model import CheckArguments, Task, TaskKind
from tests.bank_api import built_bank
from tests.product import ROOT, eventually
from web.app import create_app


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> BankStore:
    return built_bank(settings, tmp_path / "photos")


def current(settings: Settings) -> str:
    version = BankStore(settings).current()
    assert version is not None
    # Not only named: it can be loaded.
    assert BankStore(settings).load(version).version == version
    return version


def aside(store: BankStore, settings: Settings) -> str:
    """A second version, not in force."""
    first = store.current()
    assert first is not None
    return derive(settings, first, Change(aside={store.samples(first)[0].id: "by_hand"}))


#: The command line in a process that may write no file beyond so many bytes: a disk that is full for it.
LIMITED = """
import resource, sys
size = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
from scripts.cli.main import main
main(sys.argv[2:])
"""


def weft(settings: Settings, *args: str, file_bytes: int) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "WEFT_ENGINE": "null", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", LIMITED, str(file_bytes), "bank", *args, "--data-dir", str(settings.data_dir)]
    return subprocess.run(
        [*command, "--json"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )


# 40 bytes hold no state of publication, 2,000 no vectors of twelve samples.
@pytest.mark.parametrize("what", ["publish", "set-aside"])
def test_a_full_disk(store: BankStore, settings: Settings, what: str) -> None:
    first, second = current(settings), aside(store, settings)
    other = store.samples(first)[1].id
    asked = ("publish", second) if what == "publish" else ("set-aside", other, "--publish")
    done = weft(settings, *asked, file_bytes=40 if what == "publish" else 2000)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "disk_full"
    assert current(settings) == first
    # Nothing half-made is left, and with room the same succeeds.
    assert {row.version for row in BankStore(settings).list()} == {first, second}
    assert not list(store.root.glob(".new-*"))
    made = second if what == "publish" else derive(settings, first, Change(aside={other: "by_hand"}))
    BankStore(settings).publish(made)
    assert current(settings) == made


def cut_vectors(folder: Path) -> None:
    data = (folder / "vectors.npy").read_bytes()
    (folder / "vectors.npy").write_bytes(data[:-100])


def flip_a_bit(folder: Path) -> None:
    data = bytearray((folder / "vectors.npy").read_bytes())
    data[-1] ^= 1
    (folder / "vectors.npy").write_bytes(bytes(data))


def edit_manifest(folder: Path) -> None:
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    (folder / "manifest.json").write_text(text.replace('"temperature": 0.05', '"temperature": 5'), encoding="utf-8")


def lose_samples(folder: Path) -> None:
    (folder / "samples.jsonl").unlink()


@pytest.mark.parametrize("harm", [cut_vectors, flip_a_bit, edit_manifest, lose_samples])
def test_a_damaged_version_is_not_put_in_force(
    store: BankStore, settings: Settings, harm: Callable[[Path], None]
) -> None:
    first, second = current(settings), aside(store, settings)
    harm(store.folder(second))
    with pytest.raises(BankError) as refused:
        BankStore(settings).publish(second)
    assert refused.value.code == "bank_damaged"
    client = create_app(settings).test_client()
    answer = client.post(f"/api/v1/bank/versions/{second}/publish")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "bank_damaged")
    assert client.get("/bank/versions").status_code == 200
    assert current(settings) == first


def test_a_damaged_bank_in_force_is_rolled_back_on_its_page(store: BankStore, settings: Settings) -> None:
    first, second = current(settings), aside(store, settings)
    store.publish(second)
    edit_manifest(store.folder(second))
    client = create_app(settings).test_client()
    page = client.get("/bank/versions")
    assert page.status_code == 200
    assert "Damaged" in page.text
    assert client.post("/bank/rollback").status_code == 303
    assert current(settings) == first


def ended(settings: Settings, task: Task) -> Task:
    eventually(lambda: tasks.find(settings, task.id).state != "running", what="the task's end")
    return tasks.find(settings, task.id)


def test_work_that_fails_says_why(settings: Settings) -> None:
    task = ended(settings, tasks.start(settings, TaskKind.CHECK, CheckArguments(version="missing")))
    assert (task.state, task.error and task.error.code) == ("failed", "not_found")


def test_one_work_at_a_time(settings: Settings, store: BankStore) -> None:
    tasks.folder(settings).mkdir()
    with (tasks.folder(settings) / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Conflict):
            tasks.start(settings, TaskKind.CHECK, CheckArguments(version=store.current()))
    assert (
        ended(settings, tasks.start(settings, TaskKind.CHECK, CheckArguments(version=store.current()))).state == "done"
    )


def test_work_that_was_killed_is_told_from_work_that_goes_on(
    settings: Settings, store: BankStore, client: FlaskClient
) -> None:
    # Whoever reads this manifest waits for a writer that never comes.
    (store.root / "endless").mkdir()
    os.mkfifo(store.root / "endless" / "manifest.json")
    task = tasks.start(settings, TaskKind.CHECK, CheckArguments(version="endless"))
    # The new process still has the name of its parent until it has loaded its program.
    eventually(lambda: processes_of(task) != [], what="the task's process")
    (process,) = processes_of(task)
    assert tasks.find(settings, task.id).state == "running"
    assert client.get(f"/api/v1/bank/tasks/{task.id}").get_json()["state"] == "running"
    os.kill(process, signal.SIGKILL)
    assert ended(settings, task).state == "interrupted"
    shown = client.get(f"/api/v1/bank/tasks/{task.id}").get_json()
    assert (shown["state"], shown["error"]["code"]) == ("interrupted", "bank_task_interrupted")
    assert (
        ended(settings, tasks.start(settings, TaskKind.CHECK, CheckArguments(version=store.current()))).state == "done"
    )


def test_tasks_are_found_by_their_ids_alone(settings: Settings) -> None:
    for name in ("", "../../etc/passwd", "0123456789abcdef", ".lock"):
        with pytest.raises(NotFound):
            tasks.find(settings, name)


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


def processes_of(task: Task) -> list[int]:
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and task.id in command_line(int(pid))]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
