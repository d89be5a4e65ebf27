"""What Redis still holds of jobs that are gone: nothing, but for keys that expire by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

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
        elif name.startswith("weft:idem:") and redis.ttl(name) == -1:
            left.append(name)
    return left


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
