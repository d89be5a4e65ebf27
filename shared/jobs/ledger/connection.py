"""The Redis connection, the Lua scripts, and the schema version check."""

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


def connect(url: str, *, fail_fast: bool = False) -> redis.Redis:
    """A client with short timeouts and retries: commits are idempotent, so a retry is always safe.

    `fail_fast`: for requests with a person waiting. If the network drops every packet, a call fails after at most 11
    seconds (one read, two connection attempts) instead of a minute.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=5 if fail_fast else 10,
        socket_connect_timeout=3 if fail_fast else 5,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 1 if fail_fast else 3),
        retry_on_error=[redis.ConnectionError, redis.TimeoutError],
    )


class Connection:
    """One Redis and its scripts by name. Thread-safe; must not be shared across a fork."""

    def __init__(self, client: redis.Redis) -> None:
        #: Any: redis-py types every reply as a wide union; here replies are bytes.
        self.redis: Any = client
        self._scripts: dict[str, Any] = {}

    def run(self, script: str, *args: Any, keys: list[str] | None = None) -> Any:
        """Runs `lua/{script}.lua` atomically.

        Raises:
            Unavailable: Redis cannot be reached, or is full.
        """
        if script not in self._scripts:
            self._scripts[script] = self.redis.register_script(_source(script))
        with redis_errors():
            return self._scripts[script](keys=keys or [], args=list(args))

    def check_schema(self) -> None:
        """Claims an empty ledger for this schema.

        Raises:
            Conflict: another schema is in it (`schema_unknown`).
            Unavailable: Redis cannot be reached.
        """
        with redis_errors():
            # Read first: a full Redis refuses writes only.
            if self.redis.get(keys.SCHEMA_KEY) is None:
                self.redis.set(keys.SCHEMA_KEY, keys.SCHEMA, nx=True)
            found = int(self.redis.get(keys.SCHEMA_KEY) or 0)
        if found != keys.SCHEMA:
            raise Conflict("schema_unknown", found=found, expected=keys.SCHEMA)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Translates Redis errors that people can act on into `WeftError`s."""
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
