"""Sends a plan's photos as the upload page does: offered by SHA-256, what is missing in batches, large files in parts.

The other half is `web/api/uploads.py`; its page speaks the same way in `web/static/js/sending.js`.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from scripts.cli.remote.plan import Fate, Photo
from scripts.cli.remote.server import Refused, Server, part
from shared.core.errors import PhotoError
from shared.photos.regular_files import open_regular

#: Files of one offer, and of one request with photos: a lost connection costs one.
OFFER_FILES, BATCH_FILES, BATCH_BYTES = 500, 40, 8 << 20
#: A file that is larger than two parts goes in parts.
PART_BYTES = 8 << 20
LARGE_BYTES = 2 * PART_BYTES
#: Requests with photos at once.
AT_ONCE = 2
#: A file that has changed is taken as it is now once it reads the same twice, so many seconds apart.
SETTLED_SECONDS, READINGS = 2.0, 4


class Sending:
    """One upload. `tell` is called when something has moved, from any thread."""

    def __init__(self, server: Server, upload: str, photos: Sequence[Photo], tell: Callable[[], None]) -> None:
        self._server = server
        self._where = f"/uploads/{part(upload)}"
        self._photos = photos
        self._tell = tell
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        #: Bytes that have been sent, and that had to be, of what the server did not have.
        self.sent_bytes = self.missing_bytes = 0
        #: Photos that the server has, sent or known.
        self.arrived = 0
        #: Positions of what it did not have.
        self.missing: list[int] = []

    def offer(self, again: bool) -> None:
        """Asks which photos the server has. `again`: the upload has files already. Raises as `Server.call`."""
        arrived: set[tuple[int, str]] = set()
        if again and any(photo.is_archive for photo in self._photos):
            # An archive is looked into when it arrives, so it is not known by its SHA-256 alone.
            arrived = {(file["position"], file["sha256"]) for file in self._server.get(f"{self._where}/files")["files"]}
        waiting = []
        for position, photo in enumerate(self._photos):
            photo.fate = Fate.WAITING
            if photo.is_archive:
                self._found(position, (position, photo.sha256) not in arrived)
            else:
                waiting.append(position)
        for at in range(0, len(waiting), OFFER_FILES):
            chosen = waiting[at : at + OFFER_FILES]
            files = [self._offered(position) for position in chosen]
            answer = self._server.call("POST", f"{self._where}/offer", {"files": files})
            missing = set(answer["missing"])
            for position in chosen:
                self._found(position, position in missing)
        self.missing.sort()

    def send(self) -> None:
        """Sends what is missing; photos that went away meanwhile are told by their fate. Raises as `Server.call`."""
        batches = self._batches()
        threads = [threading.Thread(target=self._carry, args=(batches,), daemon=True) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def finish(self) -> dict[str, Any]:
        """Makes the job. Raises as `Server.call`: Refused (`upload_incomplete`) where the upload holds others, too."""
        job: dict[str, Any] = self._server.call("POST", f"{self._where}/finish", {"files": self.arrived})
        return job

    def _offered(self, position: int) -> dict[str, object]:
        photo = self._photos[position]
        return {"position": position, "name": photo.name, "sha256": photo.sha256, "size": photo.size}

    def _found(self, position: int, missing: bool) -> None:
        photo = self._photos[position]
        if missing:
            self.missing.append(position)
            self.missing_bytes += photo.size
        else:
            photo.fate = Fate.KNOWN
            self.arrived += 1

    def _batches(self) -> Iterator[list[int]]:
        """Positions of one request each; an archive goes alone, and so does a large file."""
        batch: list[int] = []
        size = 0
        for position in self.missing:
            photo = self._photos[position]
            alone = photo.is_archive or photo.size > LARGE_BYTES
            if batch and (alone or len(batch) >= BATCH_FILES or size + photo.size > BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(position)
            size += photo.size
            if alone:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _carry(self, batches: Iterator[list[int]]) -> None:
        try:
            while self._failure is None and not self._server.stopped.is_set():
                with self._lock:
                    batch = next(batches, None)
                if batch is None:
                    return
                if self._photos[batch[0]].size > LARGE_BYTES:
                    self._send_large(batch[0])
                else:
                    self._send_small(batch)
                self._tell()
        except BaseException as failure:
            self._failure = self._failure or failure

    def _send_small(self, batch: Iterable[int]) -> None:
        read = [(position, data) for position in batch if (data := self._read(self._photos[position])) is not None]
        if not read:
            return
        fields: list[tuple[str, str | tuple[str, bytes]]] = [("positions", ",".join(str(place) for place, _ in read))]
        fields += [("files", (self._photos[position].name, data)) for position, data in read]
        self._server.call("POST", f"{self._where}/photos", fields=fields)
        for position, data in read:
            self._arrived(self._photos[position], len(data))

    def _read(self, photo: Photo) -> bytes | None:
        """A file's bytes, which are what was offered, or have settled since; None, with its fate, where not."""
        found: list[bytes] = []

        def once() -> str:
            with open_regular(photo.path) as file:
                found[:] = [file.read()]
            return hashlib.sha256(found[0]).hexdigest()

        return found[0] if self._settled(photo, once) else None

    def _settled(self, photo: Photo, once: Callable[[], str]) -> bool:
        """Reads a file until it is what was offered or reads the same twice: whether it did; else its fate says why."""
        last = photo.sha256
        try:
            for _ in range(READINGS):
                digest = once()
                if digest == last:
                    photo.changed |= digest != photo.sha256
                    photo.sha256 = digest
                    return True
                last = digest
                self._server.stopped.wait(SETTLED_SECONDS)
            photo.fate = Fate.GROWING
        except (OSError, PhotoError) as failure:
            photo.unreadable(failure)
        return False

    def _send_large(self, position: int) -> None:
        """In parts that are known by their SHA-256, so that a cut link costs one of them."""
        photo = self._photos[position]
        for last_try in (False, True):
            there = {found["sha256"] for found in self._server.get(f"{self._where}/parts")["parts"]}
            parts: list[str] = []

            def once(there: set[str] = there, parts: list[str] = parts) -> str:
                return self._send_parts(photo, there, parts)

            if not self._settled(photo, once):
                return
            try:
                document = {"position": position, "name": photo.name, "parts": parts}
                self._server.call("POST", f"{self._where}/join", document)
            except Refused as refused:
                # Another file of the same bytes took the parts with it: they are sent once more.
                if refused.code != "upload_incomplete" or last_try:
                    raise
            else:
                self._arrived(photo)
                return

    def _send_parts(self, photo: Photo, there: set[str], parts: list[str]) -> str:
        """Sends the parts that are not there; the SHA-256 of the whole file as it was read."""
        parts.clear()
        whole = hashlib.sha256()
        with open_regular(photo.path) as file:
            while data := file.read(PART_BYTES):
                whole.update(data)
                digest = hashlib.sha256(data).hexdigest()
                if digest not in there:
                    self._server.call("POST", f"{self._where}/parts", fields=[("files", ("part", data))])
                    there.add(digest)
                parts.append(digest)
                with self._lock:
                    self.sent_bytes += len(data)
                self._tell()
            photo.size = os.fstat(file.fileno()).st_size
        return whole.hexdigest()

    def _arrived(self, photo: Photo, size: int = 0) -> None:
        photo.fate = Fate.SENT
        with self._lock:
            self.arrived += 1
            self.sent_bytes += size
