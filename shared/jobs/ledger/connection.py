"""The Redis connection, the Lua scripts, and the guard that a ledger of another version is refused, not misread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from shared.core.errors import Conflict, Unavailable
from shared.jobs.ledger import keys
from shared.jobs.states import as_lua

_LUA = Path(__file__).parent / "lua"


@cache
def _source(name: str) -> str:
    shared = (_LUA / "common.lua").read_text(encoding="utf-8")
    return as_lua() + shared + (_LUA / f"{name}.lua").read_text(encoding="utf-8")


def connect(url: str, *, hurried: bool = False) -> redis.Redis:
    """A client that fails soon and tries again: commits are idempotent, so a second try is always safe.

    `hurried`: somebody waits for the answer. Where the network swallows every packet, a call fails after 11 seconds
    at the most (a read, and twice a connection) instead of a minute.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=5 if hurried else 10,
        socket_connect_timeout=3 if hurried else 5,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 1 if hurried else 3),
        retry_on_error=[redis.ConnectionError, redis.TimeoutError],
    )


class Connection:
    """One Redis, its scripts by name. Safe to share between threads, not across a fork."""

    def __init__(self, client: redis.Redis) -> None:
        #: Any: redis-py types every answer as bytes or str or a dozen others; here they are bytes.
        self.redis: Any = client
        self._scripts: dict[str, Any] = {}

    def run(self, script: str, *args: Any, keys: list[str] | None = None) -> Any:
        """Runs `lua/{script}.lua` atomically.

        Raises:
            Unavailable: Redis cannot be reached, or is full.
        """
        if script not in self._scripts:
            self._scripts[script] = self.redis.register_script(_source(script))
        with translated():
            return self._scripts[script](keys=keys or [], args=list(args))

    def check_schema(self) -> None:
        """Claims an empty ledger for this schema.

        Raises:
            Conflict: another schema is in it (`schema_unknown`).
            Unavailable: Redis cannot be reached.
        """
        with translated():
            # Read first: a full Redis can still be read.
            if self.redis.get(keys.SCHEMA_KEY) is None:
                self.redis.set(keys.SCHEMA_KEY, keys.SCHEMA, nx=True)
            found = int(self.redis.get(keys.SCHEMA_KEY) or 0)
        if found != keys.SCHEMA:
            raise Conflict("schema_unknown", found=found, expected=keys.SCHEMA)


@contextmanager
def translated() -> Iterator[None]:
    """Redis errors that people can do something about, as ours."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise Unavailable("redis_unavailable") from error
    except redis.exceptions.OutOfMemoryError as error:
        raise Unavailable("memory_full", retry_after=30) from error
    except redis.ResponseError as error:
        if "MISCONF" in str(error):
            raise Unavailable("disk_full", retry_after=30) from error
        raise
