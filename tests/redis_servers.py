"""Redis servers of one's own making for tests: with users, limits, TLS in front, watched by a Sentinel."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import redis

from scripts.supervisor.redis_server import find_server
from tests.product import eventually

USER, PASSWORD = "weft", "s3cret-word"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def server(folder: Path, *lines: str, port: int = 0, sentinel: bool = False) -> Iterator[int]:
    """A server with these lines in its configuration; its port."""
    program, _ = find_server()
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "server.conf"
    config.write_text("\n".join([f"port {port}", "bind 127.0.0.1", f"dir {folder}", *lines]) + "\n")
    command = [str(program), str(config), *(["--sentinel"] if sentinel else [])]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually(lambda: _answers(port), 60, "the server")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    with redis.Redis(port=port) as asked:
        try:
            return bool(asked.ping())
        except redis.AuthenticationError:
            return True
        except redis.RedisError as error:
            return "NOAUTH" in str(error)


def with_user() -> tuple[str, ...]:
    """The default user off, one of ours on."""
    return ("user default off", f"user {USER} on >{PASSWORD} ~* &* +@all")


@contextmanager
def listening(answer: bytes | None) -> Iterator[int]:
    """A port where something says `answer` to whatever comes, or nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                kept.append(sock)
                if answer is not None:
                    with suppress(OSError):
                        sock.recv(100)
                        sock.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for sock in kept:
                sock.close()


def certificate(folder: Path, host: str = "127.0.0.1") -> tuple[Path, Path]:
    """(certificate, key) for an address, signed by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    pair = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={host}"]
    more = ["-addext", f"subjectAltName=IP:{host}", "-out", str(pair[0]), "-keyout", str(pair[1])]
    subprocess.run([*command, *more], check=True, capture_output=True)
    return pair


@contextmanager
def tls_before(port: int, folder: Path, host: str = "127.0.0.1") -> Iterator[tuple[int, Path]]:
    """A port of `host` that speaks TLS and passes on to `port`, and the certificate to trust: as stunnel does."""
    cert, key = certificate(folder, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.create_server((host, 0)))

        def serve() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=handle, args=(sock,), daemon=True).start()

        def handle(sock: socket.socket) -> None:
            try:
                spoken = context.wrap_socket(sock, server_side=True)
                behind = socket.create_connection(("127.0.0.1", port))
            except OSError:
                sock.close()
                return
            with spoken, behind:
                back = threading.Thread(target=_pump, args=(behind, spoken), daemon=True)
                back.start()
                _pump(spoken, behind)
                back.join(10)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield int(listener.getsockname()[1]), cert
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for sock in (source, target):
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
