"""The Redis connection and the schema version check."""

from __future__ import annotations

from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from shared.core.errors import Conflict
from shared.core.redis_client import client
from shared.jobs.ledger import keys
from shared.jobs.ledger.redis_errors import redis_errors
from shared.jobs.ledger.scripts import Scripts


def connect(url: str, *, fail_fast: bool = False) -> redis.Redis:
    """A client with short timeouts and retries: commits are idempotent, so a retry is always safe.

    `fail_fast`: for requests with a person waiting. If the network drops every packet, a call fails after at most 11
    seconds (one read, two connection attempts) instead of a minute.
    """
    return client(
        url,
        socket_timeout=5 if fail_fast else 10,
        socket_connect_timeout=3 if fail_fast else 5,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 1 if fail_fast else 3),
        retry_on_error=[redis.ConnectionError, redis.TimeoutError],
    )


class Connection:
    """One Redis and its scripts. Thread-safe; must not be shared across a fork."""

    def __init__(self, connected: redis.Redis) -> None:
        #: Any: redis-py types every reply as a wide union; here replies are bytes.
        self.redis: Any = connected
        self.scripts = Scripts(connected)

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
