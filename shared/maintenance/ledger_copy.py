"""The ledger of a Redis whose files are not ours: taken as a replica takes it, and put back key by key.

`take` asks for SYNC, as `redis-cli --rdb` does: Redis forks, and what comes is one moment of everything, of any size,
while it goes on answering. Copying key by key would take jobs and the lists that name them from different moments.
`put_back` writes values by type, not by DUMP and RESTORE, so that it may go into another version of Redis or Valkey.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import redis

from shared.core.chunked import chunked
from shared.core.errors import Conflict, Unavailable
from shared.core.redis_client import address, client
from shared.jobs.ledger import keys
from shared.jobs.ledger.redis_errors import redis_errors

T = TypeVar("T")

#: Seconds without a byte: while it forks and writes, Redis sends an empty line every second.
_SILENCE = 60.0
_PIECE = 1 << 20
#: Values that are read and written at once.
_MANY = 200
#: What only a ledger with jobs, or one in use, has. Written last, so that a restore that broke off can be repeated.
_INDEX = (keys.JOBS, keys.BRIEF, keys.ACTIVE, keys.ENDED, keys.RECEIVING, keys.UNPROJECTED, keys.DISPATCHER)


def take(url: str, target: Path) -> int:
    """Writes one moment of the server at `url` into `target`, as an RDB file; returns the number of its database.

    The file holds all databases of the server.

    Raises:
        Conflict: the server does not let this user take it (`backup_sync_refused`).
        Unavailable: it cannot be reached, or could not write its moment.
    """
    with redis_errors(), closing(client(url, socket_timeout=_SILENCE, socket_connect_timeout=10)) as connected:
        connected.ping()
        pool = connected.connection_pool
        connection: Any = pool.get_connection()
        try:
            connection.send_command("SYNC")
            with target.open("wb") as file:
                _receive(connection._sock, file.write, address(url))
        except OSError as error:
            raise redis.ConnectionError(str(error)) from error
        finally:
            # It would go on to send what changes.
            connection.disconnect()
            pool.release(connection)
        return int(pool.connection_kwargs.get("db") or 0)


def _receive(sock: socket.socket, write: Callable[[bytes], Any], where: str) -> None:
    head = b""
    while not head.endswith(b"\r\n"):
        byte = _some(sock, 1)
        head = (head + byte).lstrip(b"\n")
    if not head.startswith(b"$") or not head[1:].strip().isdigit():
        raise Conflict("backup_sync_refused", address=where, reason=head.decode("utf-8", "replace").strip(" -\r\n"))
    left = int(head[1:])
    while left:
        piece = _some(sock, min(left, _PIECE))
        left -= len(piece)
        write(piece)


def _some(sock: socket.socket, most: int) -> bytes:
    piece = sock.recv(most)
    if not piece:
        # As when it could not write its moment for want of disk or memory.
        raise Unavailable("redis_unavailable", reason="lost", retry_after=60)
    return piece


@contextmanager
def empty_ledger(url: str) -> Iterator[redis.Redis]:
    """The server at `url`. Raises Conflict where jobs are in it or Weft runs on it (`restore_redis_not_empty`)."""
    with redis_errors(), closing(client(url, socket_timeout=_SILENCE, socket_connect_timeout=10)) as target:
        if target.exists(*_INDEX):
            raise Conflict("restore_redis_not_empty", address=address(url))
        yield target


def put_back(source_url: str, target: redis.Redis) -> None:
    """Copies the ledger's keys with their terms. `source_url`: a server, and database, that has loaded the moment."""
    with redis_errors(), closing(client(source_url, socket_timeout=_SILENCE)) as source:
        late: list[bytes] = []
        for names in chunked(source.scan_iter(match="weft:*", count=1000), _MANY):
            index = {name.encode() for name in _INDEX}
            late += [name for name in names if name in index]
            _copy(source, target, [name for name in names if name not in index])
        _copy(source, target, late)


def _copy(source: redis.Redis, target: redis.Redis, names: list[bytes]) -> None:
    with source.pipeline(transaction=False) as asked:
        for name in names:
            asked.type(name)
            asked.pttl(name)
        told: list[Any] = asked.execute()
    with target.pipeline(transaction=False) as written:
        for name, kind, milliseconds in zip(names, told[::2], told[1::2], strict=True):
            written.delete(name)
            for values in _values(source, name, kind.decode()):
                written.execute_command(*values)
                # Long ones go as they come.
                if len(written) >= _MANY or len(values) > _MANY:
                    written.execute()
            if milliseconds > 0:
                written.pexpire(name, milliseconds)
        written.execute()


def _values(source: Any, name: bytes, kind: str) -> Iterator[tuple[Any, ...]]:
    """The commands that make a key again. Raises ValueError for a type that the ledger does not use."""
    if kind == "string":
        yield "SET", name, source.get(name)
    elif kind == "list":
        for start in range(0, source.llen(name), _MANY):
            yield "RPUSH", name, *source.lrange(name, start, start + _MANY - 1)
    elif kind == "set":
        for members in chunked(source.sscan_iter(name, count=_MANY), _MANY):
            yield "SADD", name, *members
    elif kind == "hash":
        for pairs in chunked(source.hscan_iter(name, count=_MANY), _MANY):
            yield "HSET", name, *(part for pair in pairs for part in pair)
    elif kind == "zset":
        for scored in chunked(source.zscan_iter(name, count=_MANY), _MANY):
            yield "ZADD", name, *(part for member, score in scored for part in (score, member))
    elif kind != "none":
        raise ValueError(f"{name!r} is a {kind}")
