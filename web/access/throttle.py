"""Wrong keys are counted by address, in Redis, so that all web processes count together."""

from __future__ import annotations

from contextlib import suppress

from shared.core.errors import Unavailable, WeftError
from shared.jobs.ledger import keys
from shared.jobs.ledger.redis_errors import redis_errors
from web.context import services

#: Wrong keys from an address in so many seconds, after which it has to wait until they are over.
LIMIT, WINDOW_SECONDS = 10, 60


class TooManyKeys(WeftError):
    """Too many wrong keys came from this address."""

    code = "too_many_wrong_keys"
    status = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__(seconds=retry_after)
        self.retry_after = retry_after


def wait(address: str) -> int:
    """Seconds until a key from this address is looked at again; 0: now. Nobody waits while Redis is away."""
    with suppress(Unavailable), redis_errors():
        redis = services().ledger.connection.redis
        if int(redis.get(keys.wrong_keys(address)) or 0) >= LIMIT:
            return max(1, int(redis.ttl(keys.wrong_keys(address))))
    return 0


def count(address: str) -> int:
    """Counts a wrong key; returns how many there are now, 0 while Redis is away."""
    with suppress(Unavailable), redis_errors():
        pipe = services().ledger.connection.redis.pipeline()
        pipe.set(keys.wrong_keys(address), 0, nx=True, ex=WINDOW_SECONDS)
        pipe.incr(keys.wrong_keys(address))
        pipe.hincrby(keys.STATS, "keys_refused", 1)
        return int(pipe.execute()[1])
    return 0
