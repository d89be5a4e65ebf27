"""The processes in which photos are decoded: a server that imports everything once, and forks confined children.

Started by `DecodePool` as `python -m shared.photos.decode_server FD`; FD is a Unix socket that keeps messages apart. A
fork shares the server's memory and is ready in milliseconds, so that a photo that ends its process costs little more
than itself. The children take photos from shared memory and put what they made there; messages between are JSON.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import pickle
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.core.errors import PhotoError
from shared.core.process import die_with_parent
from shared.photos.confinement import Confinement
from shared.photos.decode import Limits, load_codecs
from shared.photos.decode_messages import MESSAGE_BYTES, Order, Part, Reply
from shared.photos.photo_facts import DecodedPhoto
from shared.photos.photo_part import decode_part
from shared.photos.thumbnails import thumbnails

#: Bytes of memory after which a child has to ask before it decodes.
ASK_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Task:
    """What is made of every photo. Pickled to the server once, at its start."""

    #: Shorter side, in pixels, to decode to at least.
    target: int
    limits: Limits
    #: The photo's picture → an array that the encoder takes; one for each model.
    transforms: Sequence[Callable[[Image.Image], NDArray[np.uint8]]]
    #: Pixels and facts → further values, plain JSON by name.
    values: Callable[[DecodedPhoto], dict[str, Any]]
    confinement: Confinement


def no_values(_: DecodedPhoto) -> dict[str, Any]:
    """For a task that needs none."""
    return {}


@dataclass(slots=True)
class _Output:
    """Writes arrays and bytes behind one another into the shared memory."""

    memory: mmap.mmap
    end: int = 0
    parts: list[Part] = field(default_factory=list)

    def add(self, data: NDArray[np.uint8]) -> None:
        size = data.nbytes
        target = np.frombuffer(self.memory, np.uint8, size, self.end).reshape(data.shape)
        target[...] = data
        del target
        self.parts.append(Part(self.end, list(data.shape)))
        self.end += size


def serve(control: socket.socket) -> None:
    """Answers `fork` and `reap` until the other side is gone."""
    task: Task = pickle.loads(control.recv(MESSAGE_BYTES))
    load_codecs()
    # Not touched by collections in the children: their pages stay shared.
    gc.collect()
    gc.freeze()
    control.send(b"{}")
    own = os.getpid()
    while True:
        message, handles, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 2)
        if not message:
            return
        order = json.loads(message)
        if order["order"] == "fork":
            pid = os.fork()
            if pid == 0:
                _run_child(task, own, control, handles)
            for handle in handles:
                os.close(handle)
            control.send(json.dumps({"pid": pid}).encode())
        else:
            status = 0
            with suppress(ChildProcessError):
                _, status = os.waitpid(order["pid"], 0)
            control.send(json.dumps({"status": os.waitstatus_to_exitcode(status)}).encode())


def _run_child(task: Task, parent: int, control: socket.socket, handles: list[int]) -> None:
    code = 70
    try:
        die_with_parent(parent)
        control.close()
        channel = socket.socket(fileno=handles[0])
        memory = mmap.mmap(handles[1], 0)
        os.close(handles[1])
        limits = task.confinement.enter()
        channel.send(Reply(confinement=limits).to_bytes())
        while order := channel.recv(MESSAGE_BYTES):
            channel.send(_answer(task, channel, memory, Order.from_bytes(order)).to_bytes())
        code = 0
    except OSError:
        # The other side is gone.
        code = 0
    finally:
        os._exit(code)


def _answer(task: Task, channel: socket.socket, memory: mmap.mmap, order: Order) -> Reply:
    """Decodes the photo at the start of the shared memory; what is made of it is written behind it."""
    size = order.size

    def ask(need: int) -> None:
        if need > ASK_BYTES:
            channel.send(Reply(need=need).to_bytes())
            channel.recv(MESSAGE_BYTES)

    task.confinement.begin_photo()
    try:
        photo = decode_part(memory[:size], task.target, task.limits, order.box, ask=ask)
        output = _Output(memory, end=-(-size // mmap.PAGESIZE) * mmap.PAGESIZE)
        for transform in task.transforms:
            output.add(transform(photo.picture))
        if order.thumbnail:
            for jpeg in thumbnails(photo.picture):
                output.add(np.frombuffer(jpeg, np.uint8) if jpeg else np.empty(0, np.uint8))
        return Reply(parts=output.parts, values=task.values(photo))
    except PhotoError as error:
        return Reply(code=error.code, detail=error.detail)
    except MemoryError:
        return Reply(code="photo_too_costly")
    except Exception as error:
        return Reply(code="internal", reason=f"{type(error).__name__}: {error}")
    finally:
        task.confinement.end_photo()


if __name__ == "__main__":
    die_with_parent(os.getppid())
    # What a library grumbles about a photo is no news; an error filter for too many pixels stands before this one.
    warnings.filterwarnings("ignore", category=UserWarning, append=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[1])))
