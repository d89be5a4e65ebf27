"""A way to a server that can be cut."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

#: Connections that wait to be accepted.
_BACKLOG = 128
#: SO_LINGER, on, 0 s: closing sends RST.
_AT_ONCE = struct.pack("ii", 1, 0)


class Proxy:
    """A TCP way to a unix socket or a (host, port); it can be cut as networks are, and heals at the same port."""

    def __init__(self, target: str | tuple[str, int], host: str = "127.0.0.1") -> None:
        self._target = target
        self._host = host
        self._open = threading.Event()
        self._open.set()
        self._listener = socket.create_server((host, 0), backlog=_BACKLOG)
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._carried: set[socket.socket] = set()
        self._spawn: Callable[..., None] = lambda f, *a: threading.Thread(target=f, args=a, daemon=True).start()
        self._spawn(self._accept, self._listener)

    @property
    def url(self) -> str:
        """For redis-py."""
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        """Bytes stop, connections stay, and new ones come about but carry nothing."""
        self._open.clear()

    def vanish(self) -> None:
        """As behind a firewall that drops packets: bytes stop, nobody is told, and new connections do not come about.

        Linux drops a SYN when the line of connections to be accepted is full: it holds one now, and one is accepted.
        """
        self._open.clear()
        self._listener.listen(0)

    def refuse(self) -> None:
        """As on a machine where nothing listens: every connection is dropped, new ones are refused."""
        self.close()
        with self._lock:
            for sock in self._carried:
                with suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                    sock.shutdown(socket.SHUT_RD)

    def heal(self) -> None:
        """What was on its way arrives, where its connection still is."""
        if self._listener.fileno() < 0:
            self._listener = socket.create_server((self._host, self.port), backlog=_BACKLOG)
            self._spawn(self._accept, self._listener)
        self._listener.listen(_BACKLOG)
        self._open.set()

    def close(self) -> None:
        # close() alone leaves it listening while a thread is in accept().
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                self._open.wait()
                try:
                    far = self._connect()
                except OSError:
                    # The server is away, too.
                    near.close()
                    continue
                self._spawn(self._carry, near, far)

    def _connect(self) -> socket.socket:
        if isinstance(self._target, tuple):
            return socket.create_connection(self._target)
        found = socket.socket(socket.AF_UNIX)
        try:
            found.connect(self._target)
        except OSError:
            found.close()
            raise
        return found

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with self._lock:
            self._carried.add(near)
        back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
        back.start()
        self._pump(near, far)
        back.join()
        with self._lock:
            self._carried.discard(near)
        near.close()
        far.close()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
