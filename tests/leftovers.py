"""What Redis still holds of jobs that are gone: nothing, but for keys that expire by themselves."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from typing import Any

import redis as redis_py

from shared.jobs.ledger import keys

#: The ledger's keys that belong to no job and have no lifetime; a worker's heartbeat list loses silent workers.
_FOR_EVER = {keys.SCHEMA_KEY, keys.STATS, keys.WORKERS, keys.WEBHOOKS_SINCE, keys.MEASURED, keys.DISK}
_JOB = re.compile(r"weft:\{(\w+)\}:")


def mentions(redis: Any, job_id: str) -> list[str]:
    """Every key whose name or content has the job's id, but for its Idempotency-Key, which expires by itself."""
    found = []
    for raw in redis.scan_iter("*"):
        name = raw.decode()
        if job_id in name or (job_id in _content(redis, raw) and not name.startswith("weft:idem:")):
            found.append(name)
    return found


def orphans(redis: Any) -> list[str]:
    """Keys without a lifetime of jobs whose `meta` is gone, and mentions of such jobs in the ledger's own keys."""
    names = sorted(raw.decode() for raw in redis.scan_iter("weft:*"))
    owned = {name: match[1] for name in names if (match := _JOB.match(name))}
    living = {job for name, job in owned.items() if name.endswith(":meta")}
    left = [name for name, job in owned.items() if job not in living and redis.ttl(name) == -1]
    for name in set(names) - set(owned):
        if name.startswith(
            ("weft:jobs", "weft:brief", "weft:active", "weft:ended", "weft:unprojected", "weft:receiving")
        ):
            left += [f"{name}: {job}" for job in _members(redis, name) if job not in living]
        elif name.startswith(("weft:ready:", "weft:rota:", "weft:held:")):
            left += [f"{name}: {entry}" for entry in _members(redis, name) if entry.split()[0] not in living]
        elif name.startswith("weft:upload"):
            # An upload that is open has no lifetime of its own: see `weft:uploads`.
            upload = name.split(":")[2] if name.count(":") > 1 else ""
            if upload and redis.zscore("weft:uploads", upload) is None and redis.ttl(name) == -1:
                left.append(name)
        elif name not in _FOR_EVER and redis.ttl(name) == -1:
            left.append(name)
    return left


def no_orphans(url: str, patience: float = 30.0) -> None:
    """Fails where keys of gone jobs are still there after `patience` seconds. A server that a test has ended passes."""
    left: list[str] = []
    deadline = time.monotonic() + patience
    with closing(redis_py.Redis.from_url(url, socket_timeout=10)) as client, suppress(redis_py.RedisError):
        while (left := orphans(client)) and time.monotonic() < deadline:
            time.sleep(0.2)
    assert not left, left


def _members(redis: Any, name: str) -> Iterable[str]:
    kind = redis.type(name)
    if kind == b"list":
        return [entry.decode() for entry in redis.lrange(name, 0, -1)]
    if kind == b"set":
        return sorted(entry.decode() for entry in redis.smembers(name))
    return [entry.decode() for entry in redis.zrange(name, 0, -1)] if kind == b"zset" else []


def _content(redis: Any, name: bytes) -> str:
    kind = redis.type(name)
    if kind == b"string":
        return str(redis.get(name))
    return str(redis.hgetall(name)) if kind == b"hash" else str(_members(redis, name.decode()))
