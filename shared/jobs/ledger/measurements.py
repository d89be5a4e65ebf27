"""What all processes have measured, added up in the ledger: totals outlive processes, and any web server shows them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable

from prometheus_client import CollectorRegistry

from shared.core.measuring import REGISTRY
from shared.jobs.ledger import keys
from shared.jobs.ledger.connection import Connection
from shared.jobs.ledger.redis_errors import redis_errors

#: Seconds between two additions.
INTERVAL = 2.0
#: (name with its ending, labels as name and value in turns) → value
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

_lock = threading.Lock()
#: What this process has added so far.
_added: Samples = {}


def flush(connection: Connection, registry: CollectorRegistry = REGISTRY) -> None:
    """Adds what this process has measured since the last call. Raises Unavailable; then the next call adds it."""
    with _lock:
        now = dict(_samples(registry))
        grown = {key: value - _added.get(key, 0.0) for key, value in now.items()}
        with redis_errors():
            pipe = connection.redis.pipeline(transaction=False)
            for (name, labels), by in grown.items():
                if by:
                    pipe.hincrbyfloat(keys.MEASURED, json.dumps([name, *labels], ensure_ascii=False), by)
            if pipe.command_stack:
                pipe.execute()
        _added.update(now)


def totals(connection: Connection) -> Samples:
    """What was measured since the ledger began. Raises Unavailable."""
    with redis_errors():
        rows = connection.redis.hgetall(keys.MEASURED)
    found: Samples = {}
    for key, value in rows.items():
        name, *labels = json.loads(key)
        found[name, tuple((label, text) for label, text in labels)] = float(value)
    return found


def _samples(registry: CollectorRegistry) -> Iterable[tuple[tuple[str, tuple[tuple[str, str], ...]], float]]:
    for family in registry.collect():
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                yield (sample.name, tuple(sorted(sample.labels.items()))), sample.value
