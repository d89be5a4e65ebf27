"""The port of the web process."""

from __future__ import annotations

import socket

from shared.core.errors import Conflict


def check_port(host: str, port: int) -> None:
    """Raise Conflict (`port_in_use`) where the web process could not listen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            raise Conflict("port_in_use", host=host, port=port) from error
