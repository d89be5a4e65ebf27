"""Uploads and thumbnails that no job names any more.

Safe while everything runs: who uploads bytes that are here already touches or writes them again (`Storage.adopt`), and
only what nobody has touched for a while is taken, after another look at it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial

from shared.core.errors import Conflict
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.photo_fields import PART
from shared.maintenance.retention.pins import Pins
from shared.maintenance.retention.plan import DAY, Due, Policies
from shared.storage import Storage
from shared.storage.names import LARGE

#: Photos, and the cards that swatches were cut out of; files of early versions have no column for those.
_NAMED = "SELECT DISTINCT sha256 FROM items WHERE sha256 IS NOT NULL"
_CARDS = "SELECT DISTINCT json_extract(extra, ?) FROM items WHERE extra LIKE ?"


def blobs_due(settings: Settings, ledger: Ledger, storage: Storage, policies: Policies, pins: Pins) -> Iterator[Due]:
    yield from _due("blobs", settings, ledger, storage, policies.uploads)


def thumbs_due(settings: Settings, ledger: Ledger, storage: Storage, policies: Policies, pins: Pins) -> Iterator[Due]:
    yield from _due("thumbs", settings, ledger, storage, policies.uploads)


def _due(folder: str, settings: Settings, ledger: Ledger, storage: Storage, days: float) -> Iterator[Due]:
    before = time.time() - days * DAY
    if settings.storage_url:
        # Objects cannot be touched; what is asked for is written again where it is older than an hour.
        before = min(before, time.time() - 2 * 3600)
    old = [entry for entry in storage.stored(folder) if entry.touched < before]
    if not old:
        return
    # As bytes: a million names are 65 MB then, and not 120.
    named = {bytes.fromhex(name) for source in (ledger.upload_digests(), _projected(settings)) for name in source}
    for entry in old:
        name = entry.name.removesuffix(LARGE)
        try:
            known = bytes.fromhex(name) in named
        except ValueError:
            # Nothing of ours.
            continue
        if not known:
            yield Due(entry.name, entry.size, partial(storage.remove, folder, entry.name, before))


def _projected(settings: Settings) -> Iterator[str]:
    for path in settings.jobs_dir.glob("*.sqlite"):
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as database:
                for (sha256,) in database.execute(_NAMED):
                    yield str(sha256)
                if any(row[1] == "extra" for row in database.execute("PRAGMA table_info(items)")):
                    for (sha256,) in database.execute(_CARDS, (f'$."{PART.key}"[0]', f'%"{PART.key}"%')):
                        yield str(sha256)
        except sqlite3.Error as error:
            if path.exists():
                # What it names cannot be known, so nothing may be removed. `weft delete` removes the job.
                raise Conflict("projection_damaged", reason=f"{path.name}: {error}") from error
