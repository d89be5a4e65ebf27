"""Threads that read photos. One that hangs in a dead share is abandoned, and another takes its place."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Read(Generic[T]):
    """One read that was asked for."""

    def __init__(self, call: Callable[[], T]) -> None:
        self.call = call
        self.future: Future[T] = Future()
        #: When a thread took it up (monotonic seconds); None while it is queued.
        self.started: float | None = None
        self.abandoned = False


class HungReads:
    """Reads that hang at this moment, and the photos that they hung in; one for the life of a pipeline."""

    #: Photos that are remembered.
    _MAX_KNOWN = 10_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._known: set[str] = set()

    @property
    def count(self) -> int:
        """Abandoned threads that have not come back."""
        return self._count

    def changed(self, by: int) -> None:
        with self._lock:
            self._count += by

    def again(self, path: str) -> bool:
        """Whether reading this file has hung before; it is remembered from now on."""
        with self._lock:
            known = path in self._known
            if len(self._known) >= self._MAX_KNOWN:
                self._known.clear()
            self._known.add(path)
            return known


class Readers:
    """A few reading threads. Daemons, unlike those of an executor: a process must end although one of them hangs."""

    def __init__(self, threads: int, name: str, hung: HungReads) -> None:
        self._queue: SimpleQueue[Read[Any] | None] = SimpleQueue()
        self._name = name
        self._hung = hung
        self._lock = threading.Lock()
        self._threads = threads
        for _ in range(threads):
            self._start()

    def submit(self, call: Callable[[], T]) -> Read[T]:
        """Queues a read."""
        read = Read(call)
        self._queue.put(read)
        return read

    def wait(self, read: Read[T], seconds: float, progressed: Callable[[], None]) -> T:
        """What the read returns. Every read has `seconds` from its own start, so waiting for one is progress.

        Raises TimeoutError where it hangs (its thread is abandoned) or was not begun, and what the read raises.
        """
        asked = time.monotonic()
        while True:
            began = asked if read.started is None else read.started
            left = began + seconds - time.monotonic()
            try:
                return read.future.result(timeout=min(1.0, max(0.0, left)))
            except TimeoutError:
                if read.future.done():
                    # In this moment; or the error is its own.
                    return read.future.result()
                if left <= 0:
                    self.give_up(read)
                    raise
                progressed()

    def give_up(self, read: Read[Any]) -> None:
        """Takes a read off the queue, or abandons the thread that hangs in it."""
        if read.future.cancel():
            return
        with self._lock:
            if read.future.done() or read.abandoned:
                return
            read.abandoned = True
            self._hung.changed(1)
        self._start()

    def close(self) -> None:
        """The threads end once the queue is empty."""
        for _ in range(self._threads):
            self._queue.put(None)

    def _start(self) -> None:
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def _run(self) -> None:
        while (read := self._queue.get()) is not None:
            if not read.future.set_running_or_notify_cancel():
                continue
            read.started = time.monotonic()
            try:
                value = read.call()
            except BaseException as error:
                read.future.set_exception(error)
            else:
                read.future.set_result(value)
            with self._lock:
                if read.abandoned:
                    # Another thread has this one's place.
                    self._hung.changed(-1)
                    return
            # Nothing of a photo is kept while the thread waits for the next one.
            del read
