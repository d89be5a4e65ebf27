"""A copy of everything that Weft cannot make again: the ledger, results, uploads and banks, taken while it works.

A backup is a folder, and a second one into the same folder copies only what is new:

    ledger.rdb    one moment of the ledger (BGSAVE: Redis forks, and the child writes what it sees; of a Redis that is
                  not Weft's own, the same as its replicas get it)
    jobs/ collections/    projections and what is known of collections' files, copied through SQLite
    blobs/ thumbs/ banks/    files that never change under their name, and the few beside the banks' versions that do
    keys.json     who may use it; keys.required: that a key is needed
    backup.json   written last: without it the folder is no backup

The ledger's moment comes first. A blob is stored before the ledger accepts its job, so the files and objects that are
copied afterwards hold all that the ledger names. A projection that is copied afterwards may be ahead of the ledger:
those of jobs whose log the ledger still holds are copied empty but for corrections and vectors, and fold it again.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated

from pydantic import Field

from shared.access.audit import FILE as AUDIT
from shared.access.keys import FILE, REQUIRED
from shared.core.documents import Document, parse_json
from shared.core.errors import Conflict, NotFound, Unavailable
from shared.core.files import replacing, write_atomic
from shared.core.redis_client import client
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger, keys
from shared.jobs.ledger.redis_errors import redis_errors
from shared.jobs.model import Job
from shared.jobs.projection import rewind
from shared.maintenance import backup_objects
from shared.maintenance.ledger_copy import empty_ledger, put_back, take
from shared.maintenance.retention.pins import FILE as PINS

#: What is copied file by file; whatever has one of these names keeps its content for ever.
FOLDERS = ("blobs", "thumbs", "banks")
MANIFEST = "backup.json"
RDB = "ledger.rdb"
KEYS = (FILE, REQUIRED, PINS)
COLLECTIONS = "collections/collections.json"
#: Seconds that Redis may take to write its moment.
_SAVE_SECONDS = 3600.0

Say = Callable[[str], None]


class BackupManifest(Document):
    """The file that makes a backup complete; one of another schema may lack the rest."""

    #: Seconds since the epoch: the moment of the ledger.
    at: float = 0.0
    ledger_schema: Annotated[int, Field(alias="schema")]
    #: Projections, and jobs of the ledger.
    jobs: int = 0
    ledger_jobs: int = 0
    #: Files that the backup did not have before.
    new_files: int = 0
    #: Which database of the ledger's server it is.
    redis_db: int = 0


def save(settings: Settings, target: Path, say: Say = lambda _: None) -> BackupManifest:
    """Writes or renews the backup in `target`; returns its manifest.

    Raises:
        Unavailable: nothing runs on this data folder, Redis could not write, or the object store does not answer.
        Conflict: the target lies inside the data folder (`backup_inside_data`), or Redis does not let this user copy
            it (`backup_sync_refused`).
    """
    if target.resolve().is_relative_to(settings.data_dir):
        raise Conflict("backup_inside_data", data_dir=str(settings.data_dir))
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    (target / MANIFEST).unlink(missing_ok=True)
    ledger = Ledger.connect(settings)
    at = time.time()
    say("ledger")
    redis_db = 0
    if settings.redis_url is not None:
        with replacing(target / RDB, durable=False) as part:
            redis_db = take(settings.redis_url.get_secret_value(), part)
    else:
        _copy(_moment(settings), target / RDB)
    # Read after the moment: a job that is in here either was in the ledger then, or is not in the backup at all.
    held = {job.id for job in _all_jobs(ledger)} | {job.id for job in ledger.active()}
    jobs = 0
    for path in sorted(settings.jobs_dir.glob("*.sqlite")):
        say(f"results {path.stem}")
        folds_again = path.stem in held and not ledger.trimmed(path.stem)
        _copy_projection(path, target / "jobs" / path.name, empty=folds_again)
        jobs += 1
    if (log := settings.data_dir / AUDIT).exists():
        _copy_projection(log, target / AUDIT, empty=False)
    for path in sorted(settings.data_dir.glob("collections/*.sqlite")):
        # Ahead of the ledger, perhaps: files whose job is not in it are taken again.
        _copy_projection(path, target / "collections" / path.name, empty=False)
    store = backup_objects.store_of(settings)
    if store is not None:
        backup_objects.fetch_keys(settings)
    # Read before the versions are copied, which only ever become more.
    banks = [path for path in _files(settings.data_dir) if path.parent == settings.data_dir / "banks"]
    single = (*banks, settings.data_dir / COLLECTIONS, *(settings.data_dir / name for name in KEYS))
    small = {path: path.read_bytes() for path in single if path.exists()}
    copied = 0
    for source in _files(settings.data_dir):
        relative = source.relative_to(settings.data_dir)
        if source not in small and _copy_new(source, target / relative):
            copied += 1
            say(str(relative))
    for name in KEYS:
        (target / name).unlink(missing_ok=True)
    for path, data in small.items():
        copy = target / path.relative_to(settings.data_dir)
        copy.parent.mkdir(exist_ok=True)
        write_atomic(copy, data)
    if store is not None:
        copied += backup_objects.download(store, target, say)
    os.sync()
    manifest = BackupManifest(
        at=at, ledger_schema=keys.SCHEMA, jobs=jobs, ledger_jobs=len(held), new_files=copied, redis_db=redis_db
    )
    write_atomic(target / MANIFEST, json.dumps(manifest.to_json(), indent=1).encode())
    return manifest


def read_manifest(source: Path) -> BackupManifest:
    """Raises NotFound where `source` is no complete backup, Conflict for another schema (`schema_unknown`)."""
    try:
        manifest = BackupManifest.from_json(parse_json((source / MANIFEST).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        raise NotFound(what=f"{source / MANIFEST}") from None
    if manifest.ledger_schema != keys.SCHEMA:
        raise Conflict("schema_unknown", found=manifest.ledger_schema, expected=keys.SCHEMA)
    return manifest


def load(settings: Settings, source: Path, moment_url: str | None = None) -> BackupManifest:
    """Fills a data folder, and with `WEFT_REDIS_URL` a Redis, that have no ledger yet. Returns the manifest.

    The next start of Weft continues from there. The caller makes sure that nothing runs on the data folder, and for
    `WEFT_REDIS_URL` names in `moment_url` a server, and its database, that has loaded the backup's `ledger.rdb`.

    Raises:
        NotFound: `source` is no complete backup.
        Conflict: another schema (`schema_unknown`), the data folder or Redis is in use (`restore_not_empty`,
            `restore_redis_not_empty`), or the moment is of a database that Weft's own Redis does not read
            (`restore_other_db`).
        Unavailable: Redis or the object store does not answer.
    """
    manifest = read_manifest(source)
    server = settings.data_dir / "redis" / "ledger"
    if any(server.glob("append*")) or any(settings.jobs_dir.glob("*.sqlite")):
        raise Conflict("restore_not_empty", data_dir=str(settings.data_dir))
    if settings.redis_url is None:
        if manifest.redis_db:
            raise Conflict("restore_other_db", db=manifest.redis_db)
        _load_files(settings, source)
        server.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Redis takes an append-only file that begins with a moment, under the name that all versions know.
        _copy(source / RDB, server / "appendonly.aof")
    else:
        assert moment_url is not None
        with empty_ledger(settings.redis_url.get_secret_value()) as target:
            _load_files(settings, source)
            # Last: whoever finds a job finds its files.
            put_back(moment_url, target)
    os.sync()
    return manifest


def _load_files(settings: Settings, source: Path) -> None:
    store = backup_objects.store_of(settings)
    kept = [*source.glob("jobs/*.sqlite"), *source.glob("collections/*"), *(source / name for name in (*KEYS, AUDIT))]
    for path in [*_files(source, ("banks",) if store else FOLDERS), *kept]:
        _copy_new(path, settings.data_dir / path.relative_to(source))
    if store is not None:
        backup_objects.upload(settings, store, source)


def _moment(settings: Settings) -> Path:
    """A fresh dump.rdb of the embedded ledger."""
    with closing(client(addresses(settings).ledger, socket_timeout=30)) as connected, redis_errors():
        before = connected.info("persistence")["rdb_last_save_time"]
        # A second is the resolution of that time.
        while time.time() < before + 1:
            time.sleep(0.05)
        connected.bgsave(schedule=True)
        deadline = time.monotonic() + _SAVE_SECONDS
        while True:
            state = connected.info("persistence")
            if state["rdb_last_save_time"] > before and not state["rdb_bgsave_in_progress"]:
                return settings.data_dir / "redis" / "ledger" / "dump.rdb"
            if state["rdb_last_bgsave_status"] != "ok" or time.monotonic() > deadline:
                raise Unavailable("disk_full", retry_after=60)
            time.sleep(0.05)


def _all_jobs(ledger: Ledger) -> Iterator[Job]:
    before: float | None = None
    while page := ledger.jobs(500, before):
        yield from page
        before = page[-1].created


def _files(root: Path, folders: Iterable[str] = FOLDERS) -> Iterator[Path]:
    """What is copied as files; not what is being made (names that begin with a dot)."""
    for name in folders:
        for folder, inner, files in os.walk(root / name):
            inner[:] = sorted(i for i in inner if not i.startswith("."))
            yield from (Path(folder) / file for file in sorted(files) if not file.startswith("."))


def _copy_projection(source: Path, target: Path, empty: bool) -> None:
    target.parent.mkdir(exist_ok=True)
    with (
        replacing(target, durable=False) as part,
        closing(sqlite3.connect(source, timeout=20)) as live,
        closing(sqlite3.connect(part)) as copy,
    ):
        live.backup(copy)
        if empty:
            rewind(copy)


def _copy_new(source: Path, target: Path) -> bool:
    try:
        size = source.stat().st_size
        if target.exists() and target.stat().st_size == size:
            return False
        _copy(source, target)
    except FileNotFoundError:
        # Deleted meanwhile, by whoever deletes jobs and banks.
        return False
    return True


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target, mode=stat.S_IMODE(source.stat().st_mode), durable=False) as part:
        shutil.copy2(source, part)
