"""Where the Redis servers are: from the settings, or from what a running `weft up` wrote into the data dir."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from shared.core.errors import Unavailable
from shared.core.redis_client import SENTINEL, sentinel_broker, sentinel_options
from shared.core.settings import Settings

#: Written by `weft up`, readable by the owner only.
ADDRESS_FILE = "redis.json"


@dataclass(frozen=True, slots=True)
class Addresses:
    #: redis-py URL of the ledger.
    ledger: str
    #: kombu URL of the same server: Celery's broker.
    broker: str
    #: Kombu's transport options that belong to it.
    broker_options: dict[str, Any]
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
        return Addresses(ledger=ledger, broker=_kombu(ledger), broker_options=_options(ledger), cache=cache)
    try:
        found = json.loads((settings.run_dir / ADDRESS_FILE).read_text(encoding="utf-8"))
        return Addresses(
            ledger=found["ledger"], broker=found["broker"], broker_options={}, cache=cache or found.get("cache")
        )
    except (OSError, ValueError, KeyError):
        raise Unavailable("redis_unavailable") from None


def _options(url: str) -> dict[str, Any]:
    return sentinel_options(url) if url.startswith(f"{SENTINEL}:") else {}


def _kombu(url: str) -> str:
    """redis-py writes a socket as `unix://`, kombu as `redis+socket://`; Sentinel is another story."""
    if url.startswith(f"{SENTINEL}:"):
        return sentinel_broker(url)
    if url.startswith("rediss:") and "ssl_cert_reqs" not in url:
        # redis-py checks certificates unless told otherwise; kombu wants to be told.
        return f"{url}{'&' if '?' in url else '?'}ssl_cert_reqs=required"
    return "redis+socket://" + url.removeprefix("unix://") if url.startswith("unix://") else url
