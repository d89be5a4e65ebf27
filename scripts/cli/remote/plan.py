"""What a submission sends: every photo with its SHA-256, read by several threads, and only once in its life."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from shared.core.chunked import chunked
from shared.core.errors import PhotoError
from shared.core.names import display_name
from shared.jobs.intake.archives import is_archive
from shared.jobs.intake.known_files import KnownFiles
from shared.jobs.intake.sources import require_photos, walked
from shared.photos.regular_files import open_regular

THREADS = min(8, (os.cpu_count() or 1) + 2)
_SLICE = 500


class Fate(StrEnum):
    """What became of a photo."""

    WAITING = "waiting"
    #: The server had it.
    KNOWN = "known"
    SENT = "sent"
    #: Deleted or moved away before it was sent.
    GONE = "gone"
    UNREADABLE = "unreadable"
    #: Still being written whenever it was read.
    GROWING = "growing"


#: What counts as arrived.
ARRIVED = frozenset({Fate.KNOWN, Fate.SENT})
#: What its owner wants to have in the job, and does not.
MISSED = frozenset({Fate.UNREADABLE, Fate.GROWING})


@dataclass(slots=True)
class Photo:
    """One file, by the path that the system opens; of a photo that cannot be read, `sha256` is empty."""

    name: str
    path: str
    size: int = 0
    sha256: str = ""
    fate: Fate = Fate.WAITING
    #: It is no longer what was hashed, and was sent as it is now.
    changed: bool = False

    @property
    def is_archive(self) -> bool:
        return is_archive(self.name, None)

    def unreadable(self, failure: OSError | PhotoError) -> None:
        """Notes why it is not sent."""
        self.fate = Fate.GONE if isinstance(failure, FileNotFoundError) else Fate.UNREADABLE


@dataclass(slots=True)
class Plan:
    """All photos; a photo's position in the upload is its place among `readable`."""

    photos: list[Photo] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def readable(self) -> list[Photo]:
        return [photo for photo in self.photos if photo.sha256]

    def digest(self) -> str:
        """Tells the photos that arrived from all others: names and bytes, in their order."""
        digest = hashlib.sha256()
        for photo in self.photos:
            if photo.sha256 and photo.fate not in (Fate.GONE, *MISSED):
                digest.update(f"{photo.name}\0{photo.sha256}\0".encode())
        return digest.hexdigest()

    def count(self, *fates: Fate) -> int:
        return sum(photo.fate in fates for photo in self.photos)


def read_plan(paths: Sequence[Path], known: KnownFiles, show: Callable[[int], None]) -> Plan:
    """Walks and hashes; `show` gets the number of photos so far. What has not changed since it was hashed is not read.

    Raises InvalidRequest as `local_files`.
    """
    plan = Plan()
    with ThreadPoolExecutor(THREADS) as pool:
        for part in chunked(walked(paths, plan.left_out), _SLICE):
            photos = [Photo(display_name(str(file.name)), str(file.path)) for file in part]
            _hash(photos, known, pool)
            plan.photos += photos
            show(len(plan.photos))
    require_photos(len(plan.photos), plan.left_out)
    return plan


def _hash(photos: Sequence[Photo], known: KnownFiles, pool: ThreadPoolExecutor) -> None:
    taken = time.time_ns()
    states = list(pool.map(_stat, photos))
    unread: list[tuple[Photo, os.stat_result]] = []
    for photo, state in zip(photos, states, strict=True):
        if state is None:
            continue
        photo.size = state.st_size
        photo.sha256 = known.sha256(Path(photo.path), state) or ""
        if not photo.sha256:
            unread.append((photo, state))
    list(pool.map(_read, [photo for photo, _ in unread]))
    for photo, state in unread:
        if photo.sha256:
            known.remember(Path(photo.path), state, taken, photo.sha256)
    known.commit()


def _stat(photo: Photo) -> os.stat_result | None:
    try:
        return os.stat(photo.path)
    except OSError as failure:
        photo.unreadable(failure)
        return None


def _read(photo: Photo) -> None:
    try:
        with open_regular(photo.path) as file:
            digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]
            photo.sha256, photo.size = digest.hexdigest(), file.tell()
    except (OSError, PhotoError) as failure:
        photo.unreadable(failure)
