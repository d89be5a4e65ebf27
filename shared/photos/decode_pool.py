"""Decodes photos in processes of their own, each under limits of memory and time.

Whatever a file does to its decoder, it costs one process and one photo: the caller's process, with its model and its
bank, never runs a decoder. See `decode_server` for the other side.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, LifoQueue

import structlog

from shared.core.errors import PhotoError
from shared.photos.box import Box
from shared.photos.confinement import OVER_TIME
from shared.photos.decode_server import Task
from shared.photos.decoder import OUTPUT_BYTES, START_SECONDS, TIMED_OUT, Decoded, Decoder, Ended, Server, ServerLost
from shared.photos.memory_budget import MemoryBudget

_log = structlog.get_logger(__name__)

#: It takes memory files, sockets that keep messages apart, and signals at a parent's death.
SUPPORTED = sys.platform == "linux"

#: What a decoder's end says of its photo.
_CODES = {TIMED_OUT: "timeout", -OVER_TIME: "photo_too_costly", -signal.SIGKILL: "photo_too_costly"}


class DecodePool:
    """`processes` decoders. `decode` may be called from as many threads; more of them wait."""

    def __init__(self, processes: int, task: Task, *, budget: int, wall_seconds: float) -> None:
        """Starts the server; the decoders start when they are first needed.

        `budget`: bytes of memory for all photos that are being decoded at a time. `wall_seconds`: after which a photo
        is given up, however little processor time it got.
        """
        self._task = task
        self._wall_seconds = wall_seconds
        self._budget = MemoryBudget(budget)
        # The one that was busy last has its memory warm, and those that are never needed at a time are never started.
        self._idle: LifoQueue[Decoder | None] = LifoQueue()
        for _ in range(processes):
            self._idle.put(None)
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._closed = False
        #: Decoders that ended before their photo did.
        self.lost = 0

    def decode(
        self, data: bytes, *, thumbnail: bool, alive: Callable[[], None] = lambda: None, box: Box | None = None
    ) -> Decoded:
        """What the task makes of a photo's bytes, or of the part `box` of it, which is decoded so much larger; `alive`
        is called about once a second meanwhile.

        Raises PhotoError: as `shared.photos.decode.decode` does, and `photo_too_costly` (memory or processor time),
        `timeout`, `poison` (the decoder crashed). Raises ServerLost where no decoder can be started.
        """
        if len(data) > self._task.limits.bytes:
            raise PhotoError("too_large", limit=self._task.limits.bytes, size=len(data))
        for attempt in (1, 2):
            try:
                return self._attempt(data, thumbnail, alive, box)
            except Ended as ended:
                self.lost += 1
                code = _CODES.get(ended.args[0], "poison")
                _log.warning("decoder_lost", exit_code=ended.args[0], code=code, bytes=len(data), attempt=attempt)
                if isinstance(ended, ServerLost) and attempt == 2:
                    raise
                # Killed from outside, by the kernel when memory is short or with its server: perhaps for another photo.
                if ended.args[0] != -signal.SIGKILL or attempt == 2:
                    raise PhotoError(code) from None
        raise AssertionError("unreachable")

    def _attempt(self, data: bytes, thumbnail: bool, alive: Callable[[], None], box: Box | None) -> Decoded:
        decoder = self._idle.get()
        try:
            if decoder is not None and not decoder.alive():
                decoder.reap()
                decoder = None
            decoder = decoder or self._new_decoder()
            return decoder.decode(data, thumbnail, self._budget, self._wall_seconds, alive, box)
        except Ended:
            if decoder is not None:
                decoder.discard()
            decoder = None
            raise
        finally:
            if decoder is not None and decoder.busy:
                # Refused its memory, or its caller gave up: its answer is no other photo's.
                decoder.kill()
                decoder = None
            self._idle.put(decoder)

    def _new_decoder(self) -> Decoder:
        server = self._running_server()
        try:
            return Decoder(server, self._task.limits.bytes + OUTPUT_BYTES)
        except ServerLost:
            server.process.wait(START_SECONDS)
            return Decoder(self._running_server(), self._task.limits.bytes + OUTPUT_BYTES)

    def confinement(self) -> list[str]:
        """What the decoders are kept from, in words. Starts one. Raises ServerLost."""
        decoder = self._idle.get()
        try:
            decoder = decoder or self._new_decoder()
            return decoder.confinement
        finally:
            self._idle.put(decoder)

    def pids(self) -> list[int]:
        """Process ids of the server, for measuring; its children are the decoders."""
        return [self._server.process.pid] if self._server else []

    def close(self) -> None:
        """Ends all processes. Photos in progress fail."""
        with self._lock:
            self._closed = True
            if self._server is not None:
                self._server.close()
        with suppress(Empty):
            while True:
                if (decoder := self._idle.get_nowait()) is not None:
                    decoder.discard()

    def _running_server(self) -> Server:
        with self._lock:
            if self._closed:
                # It is closing; no photo fails for that.
                raise ServerLost(-signal.SIGKILL)
            if self._server is None or self._server.process.poll() is not None:
                if self._server is not None:
                    _log.warning("decode_server_lost", exit_code=self._server.process.returncode)
                    self._server.close()
                self._server = Server(self._task)
            return self._server
