"""Between the loaders and the encoder: two bounded lines, what the cache knew, and the way out for finished chunks."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from shared.jobs.model import Item, Lane
from shared.pipeline.chunk_work import ChunkWork, Known, Waiting

#: Seconds after which an idle interactive lane is looked at again.
_GLANCE = 0.05
#: Groups of photos answered from the cache that may wait for the ranking.
_KNOWN = 8


class Belt:
    """Everything shared between the threads of one run; one condition guards it."""

    def __init__(self, micro_batch: int, patience: float, streams: int = 1) -> None:
        self._changed = threading.Condition()
        self._lines: dict[Lane, deque[Waiting]] = {lane: deque() for lane in Lane}
        self._known: deque[Known] = deque()
        self._by_hash: dict[str, Waiting] = {}
        self._loading = set(Lane)
        self._resting: set[Lane] = set()
        self._open = 0
        self._alone = False
        self._error: BaseException | None = None
        self._streams = streams
        self.micro_batch = micro_batch
        #: Seconds that reading or decoding one photo may take.
        self.patience = patience
        #: A thread hangs in a photo: the process should be replaced once its work is handed in.
        self.tainted = False
        #: Chunks with something to commit; None ends the committer.
        self.out: SimpleQueue[ChunkWork | None] = SimpleQueue()

    # the loaders' side

    @contextmanager
    def admission(self, work: ChunkWork, alone: bool) -> Iterator[None]:
        """Counts the chunk in; one that must be alone waits until nothing else is in hand, and keeps others out."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone or self._error is not None)
            if alone:
                self._alone = True
                # The encoder must not wait for company any more.
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._open == 0 or self._error is not None)
            self._open += 1
        yield
        if alone:
            with self._changed:
                self._changed.wait_for(lambda: work.done.is_set() or self._error is not None)
                self._alone = False
                self._changed.notify_all()

    @property
    def _room(self) -> int:
        return (self._streams + 1) * self.micro_batch

    def put(self, lane: Lane, waiting: Waiting) -> None:
        """Appends a photo; blocks while a micro-batch a stream and one more wait already."""
        with self._changed:
            line = self._lines[lane]
            self._changed.wait_for(lambda: len(line) < self._room or self._error is not None)
            self._by_hash[waiting.sha256] = waiting
            line.append(waiting)
            self._changed.notify_all()

    def join(self, sha256: str, work: ChunkWork, item: Item) -> bool:
        """Waits for a photo that is on the belt already; False where it is not."""
        with self._changed:
            waiting = self._by_hash.get(sha256)
            if waiting is not None:
                waiting.takers.append((work, item))
            return waiting is not None

    def put_known(self, known: Known) -> None:
        """Appends what the cache knew; blocks while much of it waits, or one worker would claim a whole cached job."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._known) < _KNOWN or self._error is not None)
            self._known.append(known)
            self._changed.notify_all()

    def rest(self, lane: Lane) -> bool:
        """The source has nothing for this lane now. True: look again in a moment; False: it is over.

        The interactive lane is looked at for as long as there is bulk work to share batches with."""
        with self._changed:
            self._resting.add(lane)
            self._changed.notify_all()
            others = self._loading - {lane}
            if lane is Lane.BULK or (not others and not self._open):
                return False
            self._changed.wait(_GLANCE)
            self._resting.discard(lane)
            return True

    def ended(self, lane: Lane) -> None:
        with self._changed:
            self._loading.discard(lane)
            self._changed.notify_all()

    def broke(self, error: BaseException) -> None:
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    @property
    def error(self) -> BaseException | None:
        """What broke a thread first."""
        return self._error

    # the encoder's side

    def next(self) -> tuple[list[Waiting], list[Known]] | None:
        """The next micro-batch and what needs no encoding; None when all is done. Raises what broke a loader.

        Waits for a full batch only while more bulk is coming; a waiting interactive photo never waits for company, and
        its micro-batch is a short one.
        """
        with self._changed:
            self._changed.wait_for(self._worthwhile)
            if self._error is not None:
                raise self._error
            known = list(self._known)
            self._known.clear()
            batch: list[Waiting] = []
            interactive, bulk = self._lines[Lane.INTERACTIVE], self._lines[Lane.BULK]
            # A quarter of every batch stays with the bulk, so that a steady stream of single photos cannot starve it;
            # and no more beside photos that somebody waits for: a full batch would take them many times as long.
            reserved = min(len(bulk), (self.micro_batch + 2) // 4)
            while interactive and len(batch) < self.micro_batch - reserved:
                batch.append(interactive.popleft())
            room = min(self.micro_batch, len(batch) + max(1, len(batch) // 3)) if batch else self.micro_batch
            while bulk and len(batch) < room:
                batch.append(bulk.popleft())
            self._changed.notify_all()
            return (batch, known) if batch or known else None

    def encoded(self, waiting: Waiting) -> list[tuple[ChunkWork, Item]]:
        """Takes a photo off the belt; whoever asks from now on finds it in the cache."""
        with self._changed:
            self._by_hash.pop(waiting.sha256, None)
            return waiting.takers

    def finished(self, work: ChunkWork) -> None:
        """Outcomes were added to `work`."""
        self.out.put(work)

    def handed_in(self, work: ChunkWork) -> None:
        """The last of the chunk's outcomes are committed, or its rest was handed back: only now is it out of hand.

        What dies later is not charged to it."""
        with self._changed:
            work.done.set()
            self._open -= 1
            self._changed.notify_all()

    def _worthwhile(self) -> bool:
        if self._error is not None or self._known or self._lines[Lane.INTERACTIVE]:
            return True
        bulk = self._lines[Lane.BULK]
        more_coming = Lane.BULK in self._loading and Lane.BULK not in self._resting
        if bulk:
            return len(bulk) >= self.micro_batch or not more_coming or self._alone
        return not self._loading and not self._open
