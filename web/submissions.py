"""What API and pages share when something is submitted: presets, lanes, folders, names."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from flask import request
from pydantic import ValidationError

from shared.core.errors import InvalidRequest, WeftError
from shared.core.names import path_name, title
from shared.core.start_time import start_time
from shared.jobs.admission import require_room
from shared.jobs.intake.submission import fingerprint, lane_of
from shared.jobs.model import Job, Lane
from shared.ranking.model import PRESETS
from web.context import services
from web.schemas import UploadJob
from web.uploads import receive

MAX_KEY = 200


def chosen_preset(wished: str | None, kind: str) -> str:
    """Raises `InvalidRequest("unknown_preset")`."""
    preset = (wished or "").strip() or services().settings.preset_for(kind)
    if preset not in PRESETS:
        raise InvalidRequest("unknown_preset", preset=preset, choices=", ".join(PRESETS))
    return preset


def idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > MAX_KEY:
        raise InvalidRequest(reason=f"Idempotency-Key: at most {MAX_KEY} characters")
    return key or None


def upload_wish() -> UploadJob:
    """The text fields of the multipart request at hand; empty ones count as left out. Raises `InvalidRequest`."""
    given = {name: value for name, value in request.form.items() if value.strip()}
    if "name" in given:
        given["name"] = given["name"].strip()[:200]
    try:
        return UploadJob.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidRequest(reason=f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def submit_upload(read_wish: Callable[[], UploadJob] = upload_wish) -> Job:
    """The job of the multipart request at hand. Its files are durable before the ledger hears of them.

    Raises `InvalidRequest`, `BankError("no_bank")`, `Unavailable`, `Conflict` (the key was used for something else).
    """
    at = services()
    ledger = at.ledger
    require_room(at.settings, ledger)
    wish = read_wish()
    preset = chosen_preset(wish.preset, "upload")
    name = title(wish.name)
    starts = start_time(wish.not_before)
    spec = at.spec(name=name, preset=preset, lane=Lane.BULK, kind="upload", not_before=starts)
    items = receive(request.files.getlist("files"), at.storage, at.settings)
    spec = replace(spec, lane=lane_of(len(items), starts), name=name or title(_default_name(items[0].name, len(items))))
    # Without a start time it is the same as ever: a client may repeat a request across an upgrade.
    asked = ("upload", name, preset) if starts is None else ("upload", name, preset, starts)
    return ledger.submit(spec, items, idempotency_key(), fingerprint(*asked, items=items))


def submit_photo() -> Job:
    """One photo that somebody waits for."""
    at = services()
    ledger = at.ledger
    require_room(at.settings, ledger)
    preset = chosen_preset(request.form.get("preset"), "classify")
    spec = at.spec(name="", preset=preset, lane=Lane.INTERACTIVE, kind="classify")
    items = receive(request.files.getlist("file")[:1], at.storage, at.settings)
    if len(items) != 1:
        raise InvalidRequest(reason="exactly one photo: POST /jobs takes archives")
    spec = replace(spec, name=title(items[0].name))
    return ledger.submit(spec, items, idempotency_key(), fingerprint("classify", preset, items=items))


def submit_folder(path: str, name: str, wished_preset: str | None, not_before: datetime | None) -> Job:
    """A folder below an allowed root, listed later. Raises as `allowed_folder`, `chosen_preset`, `start_time` do."""
    at = services()
    require_room(at.settings, at.ledger)
    preset = chosen_preset(wished_preset, "folder")
    starts = start_time(not_before)
    folder = allowed_folder(path, at.settings.roots)
    name = title(name)
    spec = at.spec(
        name=name or title(folder.name) or "folder",
        preset=preset,
        lane=Lane.BULK,
        kind="folder",
        path=str(folder),
        not_before=starts,
    )
    return at.ledger.submit_folder(spec, idempotency_key(), fingerprint("folder", path, name, preset, starts))


class FolderNotAllowed(WeftError):
    code = "folder_not_allowed"
    status = 403


def allowed_folder(wished: str, roots: tuple[Path, ...]) -> Path:
    """The real path of a folder below one of `roots`, symlinks followed first.

    Raises `FolderNotAllowed` (said of any path outside, so that nobody learns what exists there), `InvalidRequest`
    (`folder_missing`, `folder_empty`).
    """
    if "\0" in wished:
        raise InvalidRequest("folder_missing", path=path_name(wished))
    candidates = [Path(os.path.realpath(root / wished)) for root in roots]
    allowed = [path for path, root in zip(candidates, roots, strict=True) if _below(path, root)]
    if not allowed:
        raise FolderNotAllowed(path=path_name(wished))
    folder = next((path for path in allowed if os.path.isdir(path)), None)
    if folder is None:
        raise InvalidRequest("folder_missing", path=path_name(wished))
    try:
        with os.scandir(folder) as entries:
            empty = next(entries, None) is None
    except OSError as error:
        raise InvalidRequest("folder_missing", path=path_name(wished)) from error
    if empty:
        raise InvalidRequest("folder_empty", path=path_name(wished))
    return folder


def _below(path: Path, root: Path) -> bool:
    real = os.path.realpath(root)
    return os.path.commonpath((path, real)) == real


def _default_name(first: str, count: int) -> str:
    """A folder's name where the photos came in one, else the first photo's and how many more."""
    if count > 1 and "/" in first:
        return first.split("/", 1)[0]
    return first.rsplit("/", 1)[-1] + (f" +{count - 1}" if count > 1 else "")
