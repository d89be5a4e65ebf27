"""Photos of this machine as a job: folders by reference where workers may read them, all else copied into storage."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from shared.bank.store import BankStore
from shared.core.errors import BankError, Conflict, InvalidRequest
from shared.core.settings import Settings
from shared.jobs.intake.known_files import KnownFiles
from shared.jobs.model import Job, JobSpec, Lane
from shared.photos.formats import is_photo_name

#: Seconds that the ledger holds the key of a submission whose process died, and a little more.
_TAKEN_OVER_SECONDS = 20.0


def spec(
    settings: Settings,
    *,
    kind: str,
    name: str,
    preset: str | None,
    lane: Lane,
    path: Path | None = None,
    not_before: float | None = None,
) -> JobSpec:
    """A job pinned to the bank in force and the encoder that built it. Raises BankError (`no_bank`)."""
    banks = BankStore(settings)
    version = banks.current()
    if version is None:
        raise BankError("no_bank")
    manifest = banks.manifest(version)
    return JobSpec(
        name=name,
        preset=preset or settings.preset_for(kind),
        lane=lane,
        kind=kind,
        bank=version,
        model=manifest["model"],
        identity=manifest["identity"],
        path=str(path) if path else None,
        not_before=not_before,
    )


def readable_by_workers(folder: Path, roots: Sequence[Path]) -> bool:
    """Whether the folder, symlinks followed, lies below one of the roots that folder jobs may read."""
    real = Path(os.path.realpath(folder))
    return any(real.is_relative_to(os.path.realpath(root)) for root in roots)


def photos_in(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """(name, file) of every photo: a file as it is named, a folder's photos at any depth, zip files as they are.

    Raises InvalidRequest: `folder_missing` for a path that is not there, `no_files`.
    """
    found: list[tuple[str, Path]] = []
    for path in paths:
        if path.is_dir():
            found.extend(_below(path))
        elif path.is_file():
            found.append((path.name, path))
        else:
            raise InvalidRequest("path_missing", path=str(path))
    if not found:
        raise InvalidRequest("no_files")
    return found


def submitted_once(known: KnownFiles, request: str, submit: Callable[[str], Job]) -> Job:
    """One job for one command, also where an earlier run of it was interrupted after the ledger had accepted the job.

    `submit` gets the Idempotency-Key. Once the job is known here, the same command makes a new one.
    """
    key, again = known.begin(request)
    deadline = time.monotonic() + _TAKEN_OVER_SECONDS
    while True:
        try:
            job = submit(key)
        except Conflict as conflict:
            if conflict.code == "idempotency_mismatch" and again:
                # The earlier run's job exists, and the photos have changed since: this is another job.
                known.finish(request)
                key, again = known.begin(request)
            elif conflict.code == "idempotency_in_progress" and again and time.monotonic() < deadline:
                time.sleep(0.5)
            else:
                raise
        else:
            known.finish(request)
            return job


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(filter(is_photo_name, names)):
            path = Path(where, name)
            if path.is_fifo() or path.is_socket() or path.is_char_device() or path.is_block_device():
                continue
            yield str(Path(folder.resolve().name) / path.relative_to(folder)), path
