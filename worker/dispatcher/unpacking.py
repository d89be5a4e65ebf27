"""Unpacks a job's archives after it was accepted, in a fixed order: a lister that died continues where it was."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

import structlog

from shared.core.errors import InvalidRequest, NotFound, Unavailable
from shared.core.names import display_name
from shared.core.settings import Settings
from shared.jobs.admission import MEMORY_FOR_LISTING, memory_share, require_space
from shared.jobs.intake.receive import THREADS
from shared.jobs.intake.spool import SpooledFile
from shared.jobs.intake.unpacking import Unpacking
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.dispatcher_ledger import DispatcherLedger
from shared.jobs.ledger.submission import chunk_size
from shared.jobs.model import Item, Job, Sent
from shared.jobs.splitting import Cutout, Split
from shared.photos.swatch_cutting import Swatch, SwatchCutter, swatch_name
from shared.storage import open_storage
from worker.dispatcher.listing import Lister

_log = structlog.get_logger(__name__)

#: Seconds in which a submission that has stored its archive is accepted.
_ACCEPTED_WITHIN = 3600.0
#: A photo's name, and where it is: stored already, or out of an archive and still in the spool; of a swatch, its card.
_Photo = tuple[str, Sent | SpooledFile, Cutout | None]


@dataclass(frozen=True, slots=True)
class _Cursor:
    """How far a job is listed. A card's swatches are appended together, so that a card is found whole or not at all."""

    items: int = 0
    #: Photos that they are, or were cut out of.
    photos: int = 0

    @classmethod
    def parsed(cls, text: str) -> Self:
        items, _, photos = text.partition("/")
        return cls(int(items), int(photos or items))

    def __str__(self) -> str:
        return str(self.items) if self.items == self.photos else f"{self.items}/{self.photos}"


class ArchiveLister(Lister):
    """Lists a job that was sent as files with archives among them, or as swatch cards. See `_Cursor`."""

    def __init__(self, settings: Settings, ledger: Ledger, dispatcher_ledger: DispatcherLedger, job: Job) -> None:
        super().__init__(ledger, dispatcher_ledger, job)
        self._settings = settings
        self._storage = open_storage(settings)
        #: What was wrong with the first archive that could not be unpacked to its end: code, values of its sentence.
        self._trouble: tuple[str, dict[str, Any]] | None = None

    def _list(self) -> None:
        job_id = self._job.id
        sent = self._ledger.sent(job_id) or []
        done = _Cursor.parsed(self._dispatcher_ledger.cursor(job_id) or "0")
        unpacking = Unpacking.of(self._settings, self._storage.spool_dir())
        code, detail = None, dict[str, Any]()
        photos = self._photos(sent, unpacking)
        cutter = SwatchCutter() if self._job.split is Split.SWATCHES else None
        try:
            # What an earlier lister appended is read again, as archives are read from their beginning.
            for _, photo, _ in islice(photos, done.photos):
                _drop(photo)
            for further in self._append_all(self._parts(cutter, photos), done):
                done = further
        except InvalidRequest as error:
            # What was unpacked so far is classified.
            code, detail = error.code, error.detail
            _log.warning("unpacking_ended", job=job_id, code=code)
        finally:
            if cutter is not None:
                cutter.close()
        if code is None and self._trouble is not None:
            code, detail = self._trouble
        if code is None and not done.items:
            code = "no_photos_in"
        # Written once, at the end: until then the job has what its sender left out.
        left_out = unpacking.left_out + Counter(self._ledger.job(job_id).left_out)
        if self._dispatcher_ledger.append(job_id, [], "", last=True, note=code, left_out=left_out):
            if code is not None and detail:
                self._dispatcher_ledger.note(job_id, code, detail)
        elif not self._ledger.job(job_id).ended:
            # Another lister continues with it.
            return
        self._dispatcher_ledger.forget_sent(job_id)
        others = set(self._ledger.sent_digests())
        for file in sent:
            if file.is_archive and file.sha256 not in others:
                before = max(self._job.created, time.time() - _ACCEPTED_WITHIN)
                self._storage.discard(file.sha256, before)

    def _append_all(self, photos: Iterator[list[_Photo]], done: _Cursor) -> Iterator[_Cursor]:
        """Stores and appends chunk by chunk; yields how far the job is listed. Ends where the job has ended."""
        with ThreadPoolExecutor(THREADS) as pool:
            error: InvalidRequest | None = None
            while error is None:
                taken: list[_Photo] = []
                wholes = done.photos
                size = chunk_size(max(0, self._job.total - done.photos))
                try:
                    while len(taken) < size and (parts := next(photos, None)) is not None:
                        taken += parts
                        wholes += 1
                except InvalidRequest as damage:
                    # Those before the damage count.
                    error = damage
                except BaseException:
                    for _, photo, _ in taken:
                        _drop(photo)
                    raise
                if not taken:
                    break
                items = self._stored(pool, taken, done.items)
                if memory_share(self._ledger) >= MEMORY_FOR_LISTING:
                    raise Unavailable("memory_full")
                done = _Cursor(done.items + len(items), wholes)
                if not self._dispatcher_ledger.append(self._job.id, items, str(done), last=False):
                    return
                yield done
            if error is not None:
                raise error

    def _stored(self, pool: ThreadPoolExecutor, taken: Sequence[_Photo], first: int) -> list[Item]:
        """The photos as items; all are durable then."""
        try:
            require_space(self._settings, sum(photo.size for _, photo, _ in taken))
            items = [
                Item(first + n, display_name(name), sha256=photo.sha256, size=photo.size, part=part)
                for n, (name, photo, part) in enumerate(taken)
            ]
            list(pool.map(self._adopt, [photo for _, photo, _ in taken]))
        finally:
            for _, photo, _ in taken:
                _drop(photo)
        return items

    def _adopt(self, photo: Sent | SpooledFile) -> None:
        if isinstance(photo, SpooledFile):
            photo.adopt(self._storage)

    def _photos(self, sent: Sequence[Sent], unpacking: Unpacking) -> Iterator[_Photo]:
        for file in sent:
            if not file.is_archive:
                yield file.name, file, None
                continue
            # What was sent beside an archive is classified, whatever the archive is like.
            try:
                with self._storage.local_copy(file.sha256) as path:
                    for name, spooled in unpacking.photos(path, file.name):
                        yield name, spooled, None
            except InvalidRequest as error:
                self._note_trouble(error.code, error.detail)
            except NotFound:
                self._note_trouble("missing_file", {})

    def _parts(self, cutter: SwatchCutter | None, photos: Iterator[_Photo]) -> Iterator[list[_Photo]]:
        """The swatches of every photo of a card; of other photos, and without a cutter, the photo itself."""
        for name, photo, _ in photos:
            data = self._bytes(photo) if cutter is not None else b""
            cut = cutter.swatches(data) if cutter is not None and data else []
            if not cut:
                yield [(name, photo, None)]
                continue
            # The card is kept as well, to show where each of them lies on it.
            self._adopt(photo)
            yield [self._part(name, photo.sha256, number, swatch) for number, swatch in enumerate(cut, start=1)]
            _drop(photo)

    def _part(self, card: str, whole: str, number: int, swatch: Swatch) -> _Photo:
        spooled = SpooledFile(self._storage.spool_dir(), self._settings.max_photo_bytes)
        spooled.fill([swatch.jpeg])
        box = swatch.box
        cutout = Cutout(whole, (box.x, box.y, box.width, box.height), display_name(card))
        return swatch_name(card, number), spooled, cutout

    def _bytes(self, photo: Sent | SpooledFile) -> bytes:
        if isinstance(photo, SpooledFile):
            assert photo.path is not None
            return photo.path.read_bytes()
        try:
            return self._storage.read(photo.sha256)
        except NotFound:
            # Its worker says so.
            return b""

    def _note_trouble(self, code: str, detail: dict[str, Any]) -> None:
        self._trouble = self._trouble or (code, detail)
        _log.warning("unpacking_ended", job=self._job.id, code=code)


def _drop(photo: Sent | SpooledFile) -> None:
    if isinstance(photo, SpooledFile):
        photo.close()
