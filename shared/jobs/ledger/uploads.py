"""Uploads that come in many requests, as the ledger records them until they become jobs or expire."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shared.core.errors import Conflict, NotFound
from shared.jobs.ledger import keys
from shared.jobs.ledger.connection import Connection
from shared.jobs.ledger.redis_errors import redis_errors
from shared.jobs.ledger.scripts import UploadReply
from shared.jobs.model import Priority
from shared.jobs.splitting import Split


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One file that has arrived: `position` is the sender's, and tells it from all others of the upload."""

    position: int
    name: str
    sha256: str
    size: int
    is_archive: bool = False
    #: Photos in an archive; None where only unpacking tells.
    photos: int | None = 1


@dataclass(frozen=True, slots=True)
class Upload:
    """What is known of an upload; times in seconds since the epoch."""

    id: str
    name: str
    preset: str
    not_before: float | None
    owner: str | None
    #: The id of the bank, or a version, that its job will use; None: the default bank.
    bank: str | None
    created: float
    expires: float
    #: Files that have arrived, and their bytes.
    files: int
    bytes: int
    #: The job that it became.
    job: str | None
    priority: Priority
    window: str | None = None
    deadline: float | None = None
    split: Split | None = None
    #: Who sends it: 0 began it, and each that takes it over has the next number.
    sender: int = 0


class UploadRecords:
    """Every step is atomic and may be repeated. All raise Unavailable where Redis cannot be reached or is full."""

    def __init__(self, connection: Connection, keep_seconds: float) -> None:
        self._c = connection
        #: An upload expires so long after its last file.
        self._keep = keep_seconds

    def open(self, values: dict[str, Any]) -> str:
        """Begins an upload; `values`: name, preset, not_before, owner, priority, bank, window, deadline, split.

        Returns its id.
        """
        upload = secrets.token_hex(12)
        now = time.time()
        with redis_errors():
            pipe = self._c.redis.pipeline()
            pipe.hset(keys.upload(upload), mapping={"created": now, "bytes": 0, **values})
            pipe.zadd(keys.UPLOADS, {upload: now + self._keep})
            pipe.execute()
        return upload

    def count(self) -> int:
        """Uploads that have not expired."""
        with redis_errors():
            return int(self._c.redis.zcard(keys.UPLOADS))

    def find(self, upload: str) -> Upload:
        """Raises: NotFound (`upload_gone`)."""
        with redis_errors():
            pipe = self._c.redis.pipeline(transaction=False)
            pipe.hgetall(keys.upload(upload))
            pipe.hlen(keys.upload_files(upload))
            pipe.zscore(keys.UPLOADS, upload)
            pipe.ttl(keys.upload(upload))
            raw, files, expires, left = pipe.execute()
        if b"created" not in raw or (expires is None and left < 0):
            raise NotFound("upload_gone")
        values = {name.decode(): value.decode() for name, value in raw.items()}
        return Upload(
            id=upload,
            name=values.get("name", ""),
            preset=values["preset"],
            not_before=float(values["not_before"]) if "not_before" in values else None,
            owner=values.get("owner"),
            bank=values.get("bank"),
            created=float(values["created"]),
            expires=time.time() + left if expires is None else expires,
            files=files,
            bytes=int(values["bytes"]),
            job=values.get("job"),
            priority=Priority(values.get("priority", Priority.NORMAL)),
            window=values.get("window"),
            deadline=float(values["deadline"]) if "deadline" in values else None,
            split=Split(values["split"]) if "split" in values else None,
            sender=int(values.get("sender", 0)),
        )

    def files(self, upload: str) -> list[UploadedFile]:
        """Files that have arrived, by position."""
        with redis_errors():
            raw = self._c.redis.hgetall(keys.upload_files(upload))
        return sorted((_file(int(place), row) for place, row in raw.items()), key=lambda file: file.position)

    def take_over(self, upload: str) -> int:
        """A new sender continues the upload; returns its number. What others record from now on is refused.

        Raises: NotFound (`upload_gone`): it expired, or became a job.
        """
        return self._record(upload, "next", ()).sender

    def add(self, upload: str, files: Sequence[tuple[UploadedFile, bool]], sender: int | None = None) -> int:
        """Records (file, whether its blob was not stored before); returns the bytes of the whole upload.

        Raises: NotFound (`upload_gone`): it expired, or became a job; Conflict (`upload_taken_over`): it does not
        belong to this sender any more. With `sender` None, nobody asks whose it is.
        """
        # By the clock of who stores: the blob's own time is compared with it.
        now = time.time()
        rows = [
            value
            for file, fresh in files
            for value in (file.position, _row(file), file.size, file.sha256 if fresh else "")
        ]
        return self._record(upload, "" if sender is None else sender, rows, now).bytes

    def add_parts(self, upload: str, parts: Sequence[tuple[str, int, bool]]) -> int:
        """Records parts of files as (SHA-256, bytes, whether its blob was not stored before); returns the bytes of all.

        Raises: NotFound (`upload_gone`): it expired, or became a job.
        """
        rows = [value for sha256, size, fresh in parts for value in (sha256, size, int(fresh))]
        reply = self._c.scripts.part(upload, self._keep, time.time(), rows)
        if reply is None:
            raise NotFound("upload_gone")
        return reply

    def parts(self, upload: str) -> dict[str, int]:
        """SHA-256 → bytes of the parts that have arrived and are not joined yet."""
        with redis_errors():
            raw = self._c.redis.hgetall(keys.upload_parts(upload))
        return {sha256.decode(): int(size) for sha256, size in raw.items()}

    def joined(self, upload: str, parts: Sequence[str]) -> dict[str, float]:
        """These parts are a file now. Returns those that were not stored before: SHA-256 → when they were stored."""
        with redis_errors():
            pipe = self._c.redis.pipeline()
            pipe.hmget(keys.upload_fresh(upload), parts)
            pipe.hdel(keys.upload_parts(upload), *parts)
            pipe.hdel(keys.upload_fresh(upload), *parts)
            fresh, *_ = pipe.execute()
        return {sha256: float(at) for sha256, at in zip(parts, fresh, strict=True) if at is not None}

    def became(self, upload: str, job: str) -> None:
        """The upload is a job from now on; its record stays for as long again, to answer those who ask again."""
        with redis_errors():
            pipe = self._c.redis.pipeline()
            pipe.hset(keys.upload(upload), "job", job)
            pipe.expire(keys.upload(upload), int(self._keep))
            pipe.unlink(keys.upload_files(upload), keys.upload_parts(upload), keys.upload_fresh(upload))
            pipe.zrem(keys.UPLOADS, upload)
            pipe.execute()

    def remove(self, upload: str) -> dict[str, float]:
        """Removes the record. Returns the blobs that were not stored before: SHA-256 → when this upload stored it."""
        *names, kept = (name(upload) for name in (keys.upload, keys.upload_files, keys.upload_parts, keys.upload_fresh))
        with redis_errors():
            pipe = self._c.redis.pipeline()
            pipe.hgetall(kept)
            pipe.unlink(*names, kept)
            pipe.zrem(keys.UPLOADS, upload)
            fresh, *_ = pipe.execute()
        return {sha256.decode(): float(at) for sha256, at in fresh.items()}

    def expired(self) -> list[str]:
        """Uploads whose time is over."""
        with redis_errors():
            return [u.decode() for u in self._c.redis.zrangebyscore(keys.UPLOADS, "-inf", time.time())]

    def _record(self, upload: str, sender: int | str, rows: Sequence[str | int], stored: float = 0) -> UploadReply:
        reply = self._c.scripts.upload(upload, self._keep, stored, sender, rows)
        if reply is None:
            raise NotFound("upload_gone")
        if reply.taken_over:
            raise Conflict("upload_taken_over")
        return reply

    def digests(self) -> Iterator[str]:
        """SHA-256 of every file of every upload, and of every part."""
        with redis_errors():
            for upload in self._c.redis.zrange(keys.UPLOADS, 0, -1):
                for _, row in self._c.redis.hscan_iter(keys.upload_files(upload.decode()), count=1000):
                    yield json.loads(row)[1]
                yield from self.parts(upload.decode())


def _row(file: UploadedFile) -> str:
    return json.dumps([file.name, file.sha256, file.size, file.is_archive, file.photos])


def _file(position: int, row: bytes) -> UploadedFile:
    return UploadedFile(position, *json.loads(row))
