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
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, TypeVar

from shared.core.documents import Document, parse_json
from shared.core.errors import Conflict, NotFound
from shared.core.files import disk_errors, write_atomic
from shared.core.process import child_environment, start_attended
from shared.core.settings import Settings
from shared.curation.task_model import (
    FORMS,
    Arguments,
    Outcome,
    Request,
    Result,
    Task,
    TaskError,
    TaskKind,
    TaskProgress,
    TaskState,
)

ROOT = Path(__file__).resolve().parents[2]
_ID = re.compile(r"[0-9a-f]{8,32}")
#: Outcomes kept.
_MAX_TASKS = 50
#: Whoever asks whether somebody is at work holds the lock for an instant, and work that is done lets go of it a moment
#: later: that is waited for, real work is not.
_LOCK_ATTEMPTS, _LOCK_RETRY_DELAY = 20, 0.01


D = TypeVar("D", bound=Document)


def folder(settings: Settings) -> Path:
    return settings.data_dir / "bank-tasks"


def start(settings: Settings, kind: TaskKind, arguments: Arguments, by: str | None = None) -> Task:
    """Starts a process for this work and returns at once. `by`: who asks for it.

    Raises Conflict("bank_busy") while another is at work, Unavailable("disk_full").
    """
    with disk_errors():
        folder(settings).mkdir(parents=True, exist_ok=True)
    with (folder(settings) / ".lock").open("a") as lock:
        if not _locked(lock):
            raise Conflict("bank_busy")
        _tidy(folder(settings))
        task = Task(f"{time.time_ns() // 1_000_000:011x}{secrets.token_hex(3)}", kind, arguments, time.time(), by=by)
        request = Request(kind=kind, arguments=arguments.to_json(), started=task.started, by=by)
        write_atomic(folder(settings) / f"{task.id}.json", json.dumps(request.to_json()).encode())
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
        env = child_environment(WEFT_DATA_DIR=str(settings.data_dir))
        start_attended(command, pass_fds=[lock.fileno()], env=env, stdin=subprocess.DEVNULL)
    return task


def find(settings: Settings, task_id: str) -> Task:
    """A task as it is now. Raises NotFound."""
    path = folder(settings) / f"{task_id}.json"
    task = _asked(path) if _ID.fullmatch(task_id) else None
    if task is None:
        raise NotFound(what=f"task {task_id}")
    # Before the outcome is looked for: it may be written in between, but never after the lock was seen free.
    at_work = running(settings)
    if outcome := _read(path.with_suffix(".done.json"), Outcome):
        result = None if outcome.result is None else FORMS[task.kind][1].from_json(outcome.result)
        return replace(task, state=outcome.state, result=result, error=outcome.error)
    if at_work != task_id:
        return replace(task, state=TaskState.INTERRUPTED)
    return replace(task, progress=_read(path.with_suffix(".progress.json"), TaskProgress))


def latest(settings: Settings, kind: TaskKind, version: str) -> Task | None:
    """The newest task of this kind on this version that is done or running; None without one."""
    for path in _requests(folder(settings)):
        asked = _asked(path)
        if asked and asked.kind is kind and asked.arguments.version == version:
            task = find(settings, path.stem)
            if task.state in (TaskState.DONE, TaskState.RUNNING):
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
    part.write_text(json.dumps(TaskProgress(stage=stage, done=done, total=total).to_json()))
    part.replace(path)


def succeed(settings: Settings, task_id: str, result: Result) -> None:
    """Keeps what the task found. Raises Unavailable("disk_full")."""
    _finish(settings, task_id, Outcome(state=TaskState.DONE, result=result.to_json()))


def fail(settings: Settings, task_id: str, error: TaskError) -> None:
    """Keeps why the task failed. Raises Unavailable("disk_full")."""
    _finish(settings, task_id, Outcome(state=TaskState.FAILED, error=error))


def _finish(settings: Settings, task_id: str, outcome: Outcome) -> None:
    document = json.dumps(outcome.to_json(), ensure_ascii=False).encode()
    write_atomic(folder(settings) / f"{task_id}.done.json", document)


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


def _asked(path: Path) -> Task | None:
    request = _read(path, Request)
    if request is None:
        return None
    try:
        arguments = FORMS[request.kind][0].from_json(request.arguments)
    except ValueError:
        return None
    return Task(path.stem, request.kind, arguments, request.started, by=request.by)


def _read(path: Path, form: type[D]) -> D | None:
    try:
        return form.from_json(parse_json(path.read_bytes()))
    except (FileNotFoundError, ValueError):
        return None
