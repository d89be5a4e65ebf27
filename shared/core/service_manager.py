"""Tells systemd how a service is (sd_notify(3)): a datagram to the socket that NOTIFY_SOCKET names."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

_VARIABLE = "NOTIFY_SOCKET"


class ServiceManager:
    """Whoever started this process with `Type=notify`; every call does nothing where nobody did."""

    def __init__(self) -> None:
        # Taken away: the processes that this one starts are no services of systemd's.
        self._address = os.environ.pop(_VARIABLE, "")

    def ready(self, status: str = "") -> None:
        """The service serves."""
        self._tell("READY=1", status)

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._tell("", status)

    def stopping(self) -> None:
        """It was asked to end, and finishes what it holds."""
        self._tell("STOPPING=1", "")

    def _tell(self, state: str, status: str) -> None:
        lines = [line for line in (state, f"STATUS={status}" if status else "") if line]
        if not self._address or not lines:
            return
        # "@" stands for the null byte with which an abstract socket's name begins.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as told:
            told.sendto("\n".join(lines).encode(), address)
