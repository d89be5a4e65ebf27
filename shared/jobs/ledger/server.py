"""What a ledger needs of its Redis server, read from INFO: managed servers often forbid CONFIG."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import redis

from shared.core.errors import Conflict, Unavailable, WeftError
from shared.core.redis_client import client
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.ledger.redis_errors import PERMANENT, redis_errors

#: Bytes below which a server is too small to be of use: a million photos take about 160 MB.
SMALL_BYTES = 64 * 1024**2
_TIMEOUT_SECONDS = 5.0


def is_permanent(error: WeftError) -> bool:
    """Whether waiting does not help: a login that is refused, TLS that fails, a server that is no Redis, or one that
    would lose the ledger."""
    return error.code == "redis_evicts" or (
        error.code == "redis_unavailable" and error.detail.get("reason") in PERMANENT
    )


def examine(connection: redis.Redis) -> list[WeftError]:
    """What endangers the ledger on this server, and is to be said: `redis_evicts_some`, `redis_not_durable`,
    `redis_small`.

    Raises Conflict (`redis_evicts`) where the server may drop any key of the ledger, Unavailable.
    """
    with redis_errors():
        # Any: redis-py types the reply as a wide union.
        memory: Any = connection.info("memory")
        persistence: Any = connection.info("persistence")
    return list(_findings(memory, persistence))


def clock(connection: redis.Redis) -> float:
    """The server's time, in seconds since the epoch. Raises Unavailable."""
    with redis_errors():
        # Any: redis-py types the reply as one that may be awaited.
        reply: Any = connection.time()
    return float(reply[0]) + float(reply[1]) / 1e6


def _findings(memory: dict[str, Any], persistence: dict[str, Any]) -> Iterator[WeftError]:
    policy, limit = str(memory.get("maxmemory_policy", "noeviction")), int(memory.get("maxmemory", 0))
    if policy.startswith("allkeys") and limit:
        raise Conflict("redis_evicts", policy=policy)
    if policy != "noeviction":
        yield WeftError("redis_evicts_some", policy=policy)
    if not int(persistence.get("aof_enabled", 1)):
        yield WeftError("redis_not_durable")
    if 0 < limit < SMALL_BYTES:
        yield WeftError("redis_small", megabytes=limit >> 20, least=SMALL_BYTES >> 20)


def require(settings: Settings) -> list[WeftError]:
    """`examine` of the server that the settings name, for the start of a process.

    A server that does not answer yet is none of its business: [] then. Raises what waiting does not mend (see
    `is_permanent`).
    """
    try:
        with closing(open_client(settings)) as connection:
            return examine(connection)
    except Unavailable as error:
        if is_permanent(error):
            raise
        return []


def open_client(settings: Settings) -> redis.Redis:
    """A client that tries nothing twice. Raises Unavailable where no server is named."""
    url = addresses(settings).ledger
    return client(url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS)
