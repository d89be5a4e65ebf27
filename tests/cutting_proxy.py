"""A slow TCP way to the web server that is cut when so many bytes have passed, as a bad Wi-Fi is."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

#: SO_LINGER, on, 0 s: closing sends RST.
_AT_ONCE = struct.pack("ii", 1, 0)


class CuttingProxy:
    """Carries bytes to a port of this machine, at most `bytes_per_second` of them towards the server."""

    def __init__(self, port: int, bytes_per_second: float = float("inf")) -> None:
        self._target = port
        self.bytes_per_second = bytes_per_second
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._carried: set[socket.socket] = set()
        self._away_until = 0.0
        #: Bytes that were carried towards the server, and times that the link was cut.
        self.sent = 0
        self.cuts = 0
        self._cut_at: list[int] = []
        self._away_seconds = 0.0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut_at(self, places: Sequence[int], away_seconds: float) -> None:
        """From now on the link is cut whenever so many bytes have been sent, for so long each time."""
        with self._lock:
            self._cut_at = sorted(self.sent + place for place in places)
            self._away_seconds = away_seconds

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._drop_all()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if time.monotonic() < self._away_until:
                    self._reset(near)
                    continue
                try:
                    far = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    self._reset(near)
                    continue
                threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with self._lock:
            self._carried |= {near, far}
        back = threading.Thread(target=self._pump, args=(far, near, False), daemon=True)
        back.start()
        self._pump(near, far, counted=True)
        back.join()
        with self._lock:
            self._carried -= {near, far}
        near.close()
        far.close()

    def _pump(self, source: socket.socket, goal: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(16384):
                if counted:
                    time.sleep(len(data) / self.bytes_per_second)
                    if self._is_cut(len(data)):
                        self._drop_all()
                        return
                goal.sendall(data)
        for end in (source, goal):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _is_cut(self, size: int) -> bool:
        with self._lock:
            self.sent += size
            if not self._cut_at or self.sent < self._cut_at[0]:
                return False
            del self._cut_at[0]
            self.cuts += 1
            self._away_until = time.monotonic() + self._away_seconds
            return True

    def _drop_all(self) -> None:
        with self._lock:
            carried, self._carried = self._carried, set()
        for sock in carried:
            # Whoever carries it closes it, at once and with RST.
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                sock.shutdown(socket.SHUT_RD)

    @staticmethod
    def _reset(sock: socket.socket) -> None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        sock.close()
