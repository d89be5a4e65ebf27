"""Where the Redis servers are: from the settings, or from what a running `weft up` wrote into the data dir."""

from __future__ import annotations

import json
from dataclasses import dataclass

from shared.core.errors import Unavailable
from shared.core.settings import Settings

#: Written by `weft up`, readable by the owner only.
ADDRESS_FILE = "redis.json"


@dataclass(frozen=True, slots=True)
class Addresses:
    #: redis-py URL of the ledger.
    ledger: str
    #: kombu URL of the same server: Celery's broker.
    broker: str
    #: redis-py URL of the embedding cache, or None: each worker then keeps only its own.
    cache: str | None


def addresses(settings: Settings) -> Addresses:
    """Where this process finds Redis.

    Raises:
        Unavailable: nothing is configured and no `weft up` runs on this data dir.
    """
    cache = settings.cache_redis_url.get_secret_value() if settings.cache_redis_url else None
    if settings.redis_url:
        ledger = settings.redis_url.get_secret_value()
        return Addresses(ledger=ledger, broker=_kombu(ledger), cache=cache)
    try:
        found = json.loads((settings.run_dir / ADDRESS_FILE).read_text(encoding="utf-8"))
        return Addresses(ledger=found["ledger"], broker=found["broker"], cache=cache or found.get("cache"))
    except (OSError, ValueError, KeyError):
        raise Unavailable("redis_unavailable") from None


def _kombu(url: str) -> str:
    """redis-py writes a socket as `unix://`, kombu as `redis+socket://`."""
    return "redis+socket://" + url.removeprefix("unix://") if url.startswith("unix://") else url
