"""Bank work that takes a while: begun here, done by a process of its own (`task_runner`), asked after by pages.

The web process stays light, so whatever needs numerics is started as a child, one at a time, and leaves files behind:
<data_dir>/bank-tasks/.lock               names the task at work, whose process holds it: one that died is noticed
<data_dir>/bank-tasks/<id>.json           what was asked
<data_dir>/bank-tasks/<id>.progress.json  how far it is
<data_dir>/bank-tasks/<id>.done.json      its outcome
No numpy here.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from shared.core.errors import Conflict, NotFound
from shared.core.files import disk_errors, write_atomic
from shared.core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
#: What can be asked; `shared.curation.task_runner` does it.
KINDS = ("check", "preview", "clean", "apply", "curate", "add")
_ID = re.compile(r"[0-9a-f]{8,32}")
#: Outcomes kept.
_MAX_TASKS = 50
#: Whoever asks whether somebody is at work holds the lock for an instant, and work that is done lets go of it a moment
#: later: that is waited for, real work is not.
_LOCK_ATTEMPTS, _LOCK_RETRY_DELAY = 20, 0.01


@dataclass(frozen=True)
class Task:
    id: str
    kind: str
    arguments: dict[str, Any]
    started: float
    #: `running`, `done`, `failed` or `interrupted` (it ended without an outcome).
    state: str = "running"
    #: `{"stage", "done", "total"}` while it runs and has told.
    progress: dict[str, Any] | None = None
    #: What it found, once `done`.
    result: dict[str, Any] | None = None
    #: `{"code", "detail"}`, once `failed`.
    error: dict[str, Any] | None = None


def folder(settings: Settings) -> Path:
    return settings.data_dir / "bank-tasks"


def start(settings: Settings, kind: str, arguments: dict[str, Any]) -> Task:
    """Starts a process for this work and returns at once.

    Raises Conflict("bank_busy") while another is at work, Unavailable("disk_full").
    """
    assert kind in KINDS, kind
    with disk_errors():
        folder(settings).mkdir(parents=True, exist_ok=True)
    with (folder(settings) / ".lock").open("a") as lock:
        if not _locked(lock):
            raise Conflict("bank_busy")
        _tidy(folder(settings))
        task = Task(f"{time.time_ns() // 1_000_000:011x}{secrets.token_hex(3)}", kind, arguments, time.time())
        request = {"kind": kind, "arguments": arguments, "started": task.started}
        write_atomic(folder(settings) / f"{task.id}.json", json.dumps(request).encode())
        lock.truncate(0)
        lock.write(task.id)
        lock.flush()
        # The child inherits the lock and holds it until its outcome is written or it ends, however it ends.
        command = [
            sys.executable,
            "-P",
            "-m",
            "shared.curation.task_runner",
            task.id,
            str(os.getpid()),
            str(lock.fileno()),
        ]
        env = os.environ | {"WEFT_DATA_DIR": str(settings.data_dir), "PYTHONPATH": _python_path()}
        _start(command, pass_fds=[lock.fileno()], env=env, stdin=subprocess.DEVNULL)
    return task


def find(settings: Settings, task_id: str) -> Task:
    """A task as it is now. Raises NotFound."""
    path = folder(settings) / f"{task_id}.json"
    if not _ID.fullmatch(task_id) or (asked := _read(path)) is None:
        raise NotFound(what=f"task {task_id}")
    task = Task(task_id, **asked)
    # Before the outcome is looked for: it may be written in between, but never after the lock was seen free.
    at_work = running(settings)
    if outcome := _read(path.with_suffix(".done.json")):
        return replace(task, **outcome)
    if at_work != task_id:
        return replace(task, state="interrupted")
    return replace(task, progress=_read(path.with_suffix(".progress.json")))


def latest(settings: Settings, kind: str, **arguments: Any) -> Task | None:
    """The newest task of this kind with (at least) these arguments that is done or running; None without one."""
    for path in _requests(folder(settings)):
        asked = _read(path) or {}
        if asked.get("kind") == kind and arguments.items() <= asked["arguments"].items():
            task = find(settings, path.stem)
            if task.state in ("done", "running"):
                return task
    return None


def running(settings: Settings) -> str | None:
    """The task that a process is at work on."""
    with suppress(FileNotFoundError), (folder(settings) / ".lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return lock.read()
    return None


def report_progress(settings: Settings, task_id: str, stage: str, done: int, total: int) -> None:
    """How far the work is; called by the process that does it."""
    path = folder(settings) / f"{task_id}.progress.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"stage": stage, "done": done, "total": total}))
    part.replace(path)


def finish(settings: Settings, task_id: str, **outcome: Any) -> None:
    """The outcome: `state` and `result` or `error`. Raises Unavailable("disk_full")."""
    document = json.dumps(outcome, ensure_ascii=False).encode()
    write_atomic(folder(settings) / f"{task_id}.done.json", document)


def _start(command: list[str], **options: Any) -> None:
    """Starts a process from a thread that lives as long as it does: when that thread ends, Linux tells the child that
    its parent has died, and a thread that serves a request may end at any time."""
    born: Future[None] = Future()

    def attend() -> None:
        try:
            process = subprocess.Popen(command, **options)
        except BaseException as error:
            born.set_exception(error)
            return
        born.set_result(None)
        process.wait()

    threading.Thread(target=attend, name="bank-task", daemon=True).start()
    born.result()


def _locked(lock: IO[str]) -> bool:
    for _ in range(_LOCK_ATTEMPTS):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_LOCK_RETRY_DELAY)
    return False


def _requests(place: Path) -> list[Path]:
    """Newest first: ids begin with the time."""
    return sorted((path for path in place.glob("*.json") if _ID.fullmatch(path.stem)), reverse=True)


def _tidy(place: Path) -> None:
    for old in _requests(place)[_MAX_TASKS - 1 :]:
        for path in place.glob(f"{old.stem}.*"):
            path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return found


def _python_path() -> str:
    return os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
