"""The other end of decoding processes: the server that forks, and a decoder with the memory shared with it."""

from __future__ import annotations

import json
import math
import mmap
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from shared.core.errors import PhotoError
from shared.core.process import child_environment, start_attended
from shared.photos.box import Box
from shared.photos.decode_messages import MESSAGE_BYTES, Order, Part, Reply
from shared.photos.decode_server import Task
from shared.photos.memory_budget import MemoryBudget
from shared.photos.thumbnails import Thumbnails

_log = structlog.get_logger(__name__)

#: Bytes of shared memory behind the photo's own, for what is made of it.
OUTPUT_BYTES = 32 << 20
#: Seconds between two calls of `alive` while a photo is being decoded.
_ALIVE_INTERVAL = 1.0
#: Seconds for the server's imports, on a machine that has nothing else to give.
START_SECONDS = 300.0
#: How a decoder ended that was given up.
TIMED_OUT = "timed out"
#: Answers a decoder that asked for memory.
_GRANTED = b"{}"
#: For glibc: pictures up to this size come from the heap, which keeps so many free bytes. By itself it goes by what was
#: freed first: by chance 900 pages were given back and taken anew for each photo of 1 MP, 1.4 ms of 22.
_HEAP_BYTES = str(8 << 20)
_MALLOC = {"MALLOC_MMAP_THRESHOLD_": _HEAP_BYTES, "MALLOC_TRIM_THRESHOLD_": _HEAP_BYTES}
#: Shared memory of a photo larger than this is given back at once.
_KEPT_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Decoded:
    #: One array for each of the task's transforms.
    arrays: tuple[NDArray[np.uint8], ...]
    #: None where they were not asked for.
    thumbnails: Thumbnails | None
    values: dict[str, Any]


class Ended(Exception):
    """The decoder has ended, by itself or by us. The argument says how: its exit code, a negative signal number."""


class ServerLost(Ended):
    """The process that forks has ended, or cannot be started: no photo's fault."""


class Server:
    """The process that forks."""

    def __init__(self, task: Task) -> None:
        self._control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # One thread a decoder: there are as many decoders as cores.
        env = child_environment(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", **_MALLOC)
        argv = [sys.executable, "-P", "-m", "shared.photos.decode_server", str(other.fileno())]
        with other:
            self.process = start_attended(argv, env=env, pass_fds=[other.fileno()], stdin=subprocess.DEVNULL)
        self._lock = threading.Lock()
        self._control.settimeout(START_SECONDS)
        try:
            self._control.send(pickle.dumps(task))
            started = bool(self._control.recv(MESSAGE_BYTES))
        except OSError:
            started = False
        if not started:
            self.close()
            raise ServerLost(-signal.SIGKILL)

    def fork(self, channel: socket.socket, memory: int) -> int:
        """A new child with these two descriptors; returns its process id."""
        with self._lock:
            order = json.dumps({"order": "fork"}).encode()
            with suppress(OSError):
                socket.send_fds(self._control, [order], [channel.fileno(), memory])
                if answer := self._control.recv(MESSAGE_BYTES):
                    return int(json.loads(answer)["pid"])
        raise ServerLost(-signal.SIGKILL)

    def reap(self, pid: int) -> int:
        """Exit code of a child that has ended."""
        with self._lock, suppress(OSError, ValueError):
            self._control.send(json.dumps({"order": "reap", "pid": pid}).encode())
            return int(json.loads(self._control.recv(MESSAGE_BYTES))["status"])
        return -signal.SIGKILL

    def close(self) -> None:
        self._control.close()
        self.process.kill()
        self.process.wait()


class Decoder:
    """One decoder and the memory that it shares with this process."""

    def __init__(self, server: Server, size: int) -> None:
        self._server = server
        #: It has a photo of which it has not said the last word: the next photo must not get its answer.
        self.busy = False
        handle = os.memfd_create("weft-photo", os.MFD_CLOEXEC)
        try:
            # Sparse: memory is taken as it is written.
            os.ftruncate(handle, size)
            self._memory = mmap.mmap(handle, size)
            self._channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                with other:
                    self._pid = server.fork(other, handle)
                self._channel.settimeout(START_SECONDS)
                self.confinement: list[str] = self._message().confinement
            except BaseException:
                self.discard()
                raise
        finally:
            os.close(handle)

    def decode(
        self,
        data: bytes,
        thumbnail: bool,
        budget: MemoryBudget,
        seconds: float,
        alive: Callable[[], None],
        box: Box | None = None,
    ) -> Decoded:
        self._memory[: len(data)] = data
        try:
            self.busy = True
            self._send(Order(len(data), thumbnail, box).to_bytes())
            answer = self._wait(seconds, alive)
            while answer.need:
                with budget.taken(answer.need, alive):
                    self._send(_GRANTED)
                    answer = self._wait(seconds, alive)
            self.busy = False
            if answer.code:
                if answer.reason:
                    _log.error("decoder_failed", reason=answer.reason)
                raise PhotoError(answer.code, **answer.detail)
            parts = [self._array(part) for part in answer.parts]
        finally:
            if len(data) > _KEPT_BYTES:
                self._memory.madvise(mmap.MADV_REMOVE)
        jpegs = None
        if thumbnail:
            *parts, small, large = parts
            jpegs = Thumbnails(small.tobytes(), large.tobytes() or None)
        return Decoded(tuple(parts), jpegs, dict(answer.values))

    def alive(self) -> bool:
        """Whether the decoder still listens."""
        # It says nothing unasked: a channel that can be read has been closed.
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        return not poll.poll(0)

    def discard(self) -> None:
        self._channel.close()
        self._memory.close()

    def reap(self) -> None:
        """Discards one that has ended, so that no zombie is left."""
        self.discard()
        self._server.reap(self._pid)

    def kill(self) -> None:
        """Ends it, whatever it is doing."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        self.reap()

    def _array(self, part: Part) -> NDArray[np.uint8]:
        view = np.frombuffer(self._memory, np.uint8, math.prod(part.shape), part.at)
        return view.reshape(part.shape).copy()

    def _send(self, message: bytes) -> None:
        try:
            self._channel.send(message)
        except OSError:
            raise Ended(self._server.reap(self._pid)) from None

    def _message(self) -> Reply:
        try:
            message = self._channel.recv(MESSAGE_BYTES)
        except ConnectionError:
            message = b""
        if not message:
            raise Ended(self._server.reap(self._pid))
        return Reply.from_bytes(message)

    def _wait(self, seconds: float, alive: Callable[[], None]) -> Reply:
        deadline = time.monotonic() + seconds
        while True:
            self._channel.settimeout(max(0.001, min(_ALIVE_INTERVAL, deadline - time.monotonic())))
            with suppress(TimeoutError):
                return self._message()
            if time.monotonic() >= deadline:
                with suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)
                self._server.reap(self._pid)
                raise Ended(TIMED_OUT)
            alive()
