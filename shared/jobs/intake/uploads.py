"""Uploads in many requests: each file is recorded once it is durable, so that a lost connection costs one request.

A file is offered first, by name, size and SHA-256: what is stored already is not sent. Nothing becomes a job before the
sender says that all has arrived, and saying so twice gives the same job.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from shared.core.errors import Conflict, InvalidRequest, NotFound, Unavailable
from shared.core.names import display_name
from shared.core.settings import Settings
from shared.jobs.admission import require_space
from shared.jobs.intake import archives
from shared.jobs.intake.idempotency import RequestKey
from shared.jobs.intake.receive import THREADS, survey
from shared.jobs.intake.sources import Uploaded
from shared.jobs.intake.spool import SpooledFile
from shared.jobs.intake.submission import Intake, Wish
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.uploads import Upload, UploadedFile, UploadRecords
from shared.jobs.model import Job
from shared.storage import Storage

_log = structlog.get_logger(__name__)

#: Uploads that may be open at once, of all people together.
MOST_OPEN = 1000
#: Bytes of a part of a large file.
PART_BYTES = 64 << 20


class Uploads:
    def __init__(self, settings: Settings, ledger: Ledger, storage: Storage) -> None:
        self._settings = settings
        self._ledger = ledger
        self._storage = storage
        self.records = UploadRecords(ledger.connection, settings.upload_hours * 3600)

    def open(self, intake: Intake, wish: Wish) -> Upload:
        """Begins an upload.

        Raises as `Intake.check`; Unavailable (`server_busy`) where too many are open.
        """
        if self.records.count() >= MOST_OPEN:
            raise Unavailable("server_busy", retry_after=60)
        spec = intake.check(wish)
        values = {"name": spec.name, "preset": spec.preset, "not_before": spec.not_before, "owner": spec.owner}
        values |= {"split": spec.split, "priority": spec.priority, "window": spec.window, "deadline": spec.deadline}
        if wish.bank is not None:
            # A name may change until the job is made; a version that was named outright stays the one.
            values["bank"] = spec.bank if wish.bank == spec.bank else spec.bank_id
        return self.records.find(self.records.open({k: v for k, v in values.items() if v is not None}))

    def find(self, upload: str, owner: str | None) -> Upload:
        """Raises NotFound (`upload_gone`), also for somebody else's."""
        found = self.records.find(upload)
        if found.owner != owner:
            raise NotFound("upload_gone")
        return found

    def take_over(self, upload: Upload) -> tuple[int, list[UploadedFile]]:
        """A sender without a memory continues the upload: its number, and the files that have arrived.

        What the senders before it have on its way is refused from now on. They had positions of their own for the same
        files, and a file that arrived under two would be in the job twice.

        Raises NotFound (`upload_gone`).
        """
        sender = self.records.take_over(upload.id)
        return sender, self.records.files(upload.id)

    def offer(self, upload: Upload, files: Sequence[UploadedFile], sender: int | None = None) -> list[int]:
        """Takes the files that are stored already, and returns the positions of the others, which have to be sent.

        `sender`: the number of who offers them; None: it is not asked for.

        Raises InvalidRequest (`too_many_files`, `upload_too_large`), NotFound (`upload_gone`), Conflict
        (`upload_taken_over`).
        """
        self._require(upload, sender, [file.position for file in files])
        with ThreadPoolExecutor(THREADS) as pool:
            stored = list(pool.map(self._is_stored, files))
        self._record(upload, [(file, False) for file, known in zip(files, stored, strict=True) if known], sender)
        return [file.position for file, known in zip(files, stored, strict=True) if not known]

    def receive(
        self, upload: Upload, positions: Sequence[int], sources: Sequence[Uploaded], sender: int | None = None
    ) -> list[UploadedFile]:
        """Stores files and records them; all are durable then.

        Raises InvalidRequest (`no_files`, `too_many_files`, `upload_too_large`, `zip_*`), NotFound (`upload_gone`),
        Conflict (`upload_taken_over`), Unavailable (`disk_full`, `disk_too_small`).
        """
        if len(positions) != len(sources):
            raise InvalidRequest(reason=f"{len(positions)} positions for {len(sources)} files")
        self._require(upload, sender, positions)
        require_space(self._settings, 0)
        counts = [self._photos(source) for source in sources]
        with ThreadPoolExecutor(THREADS) as pool:
            fresh = list(pool.map(self._store, sources))
        received = [
            UploadedFile(
                position,
                display_name(source.name),
                source.spooled.sha256,
                source.spooled.size,
                source.is_archive,
                photos,
            )
            for position, source, photos in zip(positions, sources, counts, strict=True)
        ]
        self._record(upload, list(zip(received, fresh, strict=True)), sender)
        return received

    def add_parts(self, upload: Upload, sources: Sequence[Uploaded]) -> dict[str, int]:
        """Stores parts of large files, which `join` puts together; returns the bytes of each by its SHA-256.

        Raises InvalidRequest (`no_files`, `upload_too_large`), NotFound (`upload_gone`), Unavailable (`disk_full`,
        `disk_too_small`).
        """
        if not sources:
            raise InvalidRequest("no_files")
        if any(source.spooled.size > PART_BYTES for source in sources):
            raise InvalidRequest("upload_too_large", limit=PART_BYTES)
        require_space(self._settings, 0)
        parts = [(part.spooled.sha256, part.spooled.size, self._store(part)) for part in sources]
        if self.records.add_parts(upload.id, parts) + upload.bytes > self._settings.max_upload_bytes:
            raise InvalidRequest("upload_too_large", limit=self._settings.max_upload_bytes)
        return {sha256: size for sha256, size, _ in parts}

    def join(
        self, upload: Upload, position: int, name: str, parts: Sequence[str], sender: int | None = None
    ) -> list[UploadedFile]:
        """Makes the file at a position of its parts, by their SHA-256 in order; they are gone then.

        Raises Conflict (`upload_incomplete`: a part has not arrived), and as `receive`.
        """
        known = self.records.parts(upload.id)
        there = sum(part in known for part in parts)
        if there < len(parts):
            raise Conflict("upload_incomplete", arrived=there, total=len(parts))
        require_space(self._settings, sum(known[part] for part in parts))
        archive = archives.is_archive(name, None)
        limit = self._settings.max_upload_bytes if archive else self._settings.max_photo_bytes
        whole = SpooledFile(self._storage.spool_dir(), limit)
        try:
            whole.fill(self._storage.read(part) for part in parts)
            received = self.receive(upload, [position], [Uploaded(name, whole)], sender)
        finally:
            whole.close()
        used = list(dict.fromkeys(parts))
        for sha256, at in self.records.joined(upload.id, used).items():
            if sha256 != received[0].sha256:
                self._storage.discard(sha256, at)
        return received

    def finish(self, intake: Intake, upload: Upload, count: int) -> Job:
        """Makes the job of all files, in the order of their positions, once there are `count`.

        Raises Conflict (`upload_incomplete`), and as `Intake.submit_stored`.
        """
        if upload.job is not None:
            return self._ledger.find(upload.job)
        # It does not expire meanwhile.
        self.records.add(upload.id, ())
        files = self.records.files(upload.id)
        if len(files) != count:
            raise Conflict("upload_incomplete", arrived=len(files), total=count)
        later = upload.not_before if (upload.not_before or 0) > time.time() else None
        # Nor is it late because the upload took long.
        by = upload.deadline if (upload.deadline or 0) > max(time.time(), later or 0) else None
        more = (upload.priority, upload.window, by)
        wish = Wish(upload.name, upload.preset, later, upload.owner, upload.bank, *more, split=upload.split)
        # Its own Idempotency-Key: whoever says twice that all has arrived gets the same job.
        job = intake.submit_stored(files, wish, RequestKey(f"upload\n{upload.id}"))
        self.records.became(upload.id, job.id)
        return job

    def discard(self, upload: str) -> int:
        """Removes an upload with the blobs that nobody else has asked for; returns their number."""
        fresh = self.records.remove(upload)
        for sha256, at in fresh.items():
            self._storage.discard(sha256, at)
        return len(fresh)

    def expire(self) -> None:
        """Removes uploads whose time is over."""
        for upload in self.records.expired():
            _log.info("upload_expired", upload=upload, files=self.discard(upload))

    def _is_stored(self, file: UploadedFile) -> bool:
        # An archive is looked into when it arrives.
        return not file.is_archive and self._storage.keep(file.sha256)

    def _store(self, source: Uploaded) -> bool:
        """Whether the blob was not there before."""
        fresh = not self._storage.has(source.spooled.sha256)
        source.spooled.adopt(self._storage)
        return fresh

    def _photos(self, source: Uploaded) -> int | None:
        """Photos in a file; None where only unpacking tells. Raises InvalidRequest for an archive that is no use."""
        if not source.is_archive:
            return 1
        found = survey([source], self._storage, self._settings)
        return found.photos if found.counted else None

    def _require(self, upload: Upload, sender: int | None, positions: Sequence[int]) -> None:
        """Before anything is stored. Whether the upload was taken over is asked once more when files are recorded."""
        if sender not in (None, upload.sender):
            raise Conflict("upload_taken_over")
        if not positions:
            raise InvalidRequest("no_files")
        if max(positions) >= self._settings.max_upload_files:
            raise InvalidRequest("too_many_files", limit=self._settings.max_upload_files)

    def _record(self, upload: Upload, files: Sequence[tuple[UploadedFile, bool]], sender: int | None) -> None:
        size = self.records.add(upload.id, files, sender)
        if size > self._settings.max_upload_bytes:
            raise InvalidRequest("upload_too_large", limit=self._settings.max_upload_bytes)
