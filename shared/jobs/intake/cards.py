"""Swatch cards among the photos that are listed: looked at a few ahead, in processes of their own, and never copied."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import LifoQueue

from shared.core.errors import Unavailable
from shared.core.settings import Settings
from shared.core.shortages import is_short
from shared.jobs.model import Item
from shared.jobs.splitting import Cutout
from shared.photos.box import Box
from shared.photos.regular_files import open_regular
from shared.photos.swatch_cutting import SwatchFinder, swatch_name
from shared.storage import open_storage

#: Of the processors, one in so many looks for swatches, and how many do at most; photos ahead for each of them.
_SHARE, _MOST, _AHEAD = 4, 4, 2


@dataclass(frozen=True, slots=True)
class Card:
    """What was found on a photo."""

    sha256: str
    #: In reading order; empty where it is no swatch card.
    boxes: Sequence[Box]

    def items(self, photo: Item) -> list[Item]:
        """The photo's swatches as items, none of which has a file of its own; or the photo itself."""
        if not self.boxes:
            return [photo]
        parts = [Cutout(self.sha256, (box.x, box.y, box.width, box.height), photo.name) for box in self.boxes]
        return [
            replace(
                photo,
                name=swatch_name(photo.name, number),
                # Of a file, whoever reads it learns whether it is still the same.
                sha256=None if photo.path is not None else part.identity,
                part=part,
            )
            for number, part in enumerate(parts, start=1)
        ]


class Cards:
    """Looks for swatches on photos in allowed folders or in the storage."""

    def __init__(self, settings: Settings, roots: Sequence[Path]) -> None:
        self._roots, self._most = roots, settings.max_photo_bytes
        self._storage = open_storage(settings)
        self._processes = max(1, min(_MOST, (os.cpu_count() or 1) // _SHARE))
        self._finders: LifoQueue[SwatchFinder]

    @contextmanager
    def looked_at(self, photos: Iterable[Item]) -> Iterator[Iterator[tuple[Item, Future[Card]]]]:
        """Each of the photos in order, with what was found on it.

        A result raises OSError, NotFound or PhotoError (the file cannot be read), or Unavailable.
        """
        self._finders = LifoQueue()
        with ExitStack() as stack:
            for _ in range(self._processes):
                finder = SwatchFinder()
                stack.callback(finder.close)
                self._finders.put(finder)
            pool = ThreadPoolExecutor(self._processes, thread_name_prefix="cards")
            stack.callback(pool.shutdown, cancel_futures=True)
            yield self._ahead(pool, photos)

    def _ahead(self, pool: ThreadPoolExecutor, photos: Iterable[Item]) -> Iterator[tuple[Item, Future[Card]]]:
        waiting: deque[tuple[Item, Future[Card]]] = deque()
        for photo in photos:
            waiting.append((photo, pool.submit(self._look, photo)))
            if len(waiting) > _AHEAD * self._processes:
                yield waiting.popleft()
        yield from waiting

    def _look(self, photo: Item) -> Card:
        try:
            return self._seen(photo)
        except (OSError, MemoryError) as error:
            if is_short(error):
                # Of the machine, not of this photo: it would be taken for no card.
                raise Unavailable("resources_exhausted", reason=str(error)) from error
            raise

    def _seen(self, photo: Item) -> Card:
        if photo.path is None:
            data = self._storage.read(photo.sha256 or "")
        else:
            with open_regular(photo.path, self._roots, buffered=False) as file:
                # Of one that is too large its worker says so.
                data = file.read() if os.fstat(file.fileno()).st_size <= self._most else b""
        finder = self._finders.get()
        try:
            return Card(hashlib.sha256(data).hexdigest(), finder.boxes(data) if data else ())
        finally:
            self._finders.put(finder)
