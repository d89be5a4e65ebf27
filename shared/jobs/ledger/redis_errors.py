"""Redis errors that people can act on, as `WeftError`s."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from shared.core.errors import Unavailable

#: Reasons that no waiting mends: at a start they end the process. The words are stable; see `messages`.
PERMANENT = frozenset({"denied", "tls", "not_redis"})
_TLS_ALERT = "\\x15\\x03"
_DENIED = ("WRONGPASS", "NOAUTH", "NOPERM", "invalid username-password", "Authentication required")


@contextmanager
def redis_errors() -> Iterator[None]:
    """Raises Unavailable (`redis_unavailable`, `memory_full`, `disk_full`) for what redis-py raises in the block.

    `redis_unavailable` has the `reason` and, where it is known, the `address`, never the password.
    """
    try:
        yield
    except redis.exceptions.OutOfMemoryError as error:
        raise Unavailable("memory_full", retry_after=30) from error
    except redis.RedisError as error:
        if "MISCONF" in str(error):
            raise Unavailable("disk_full", retry_after=30) from error
        if (reason := _reason(error)) is None:
            raise
        raise unavailable(error, reason) from error


def unavailable(error: Exception, reason: str | None = None) -> Unavailable:
    """The error of a Redis that cannot be used, with its reason and address."""
    reason = reason or (_reason(error) if isinstance(error, redis.RedisError) else None)
    detail: dict[str, Any] = {"reason": reason} if reason else {}
    if found := getattr(error, "address", None):
        detail["address"] = found
    return Unavailable("redis_unavailable", **detail)


def _reason(error: redis.RedisError) -> str | None:
    """Why Redis cannot be used, in one word; None where the command itself is at fault."""
    text, chain = str(error), list(_chain(error))
    denied = isinstance(error, (redis.AuthenticationError, redis.exceptions.AuthorizationError))
    if denied or isinstance(error, redis.exceptions.NoPermissionError) or any(word in text for word in _DENIED):
        return "denied"
    if isinstance(error, redis.exceptions.InvalidResponse):
        return "tls" if _TLS_ALERT in text else "not_redis"
    if any(isinstance(each, ssl.SSLError) for each in chain):
        return "tls"
    if isinstance(error, redis.exceptions.BusyLoadingError):
        return "starting"
    if isinstance(error, redis.exceptions.ReadOnlyError):
        return "read_only"
    if any(isinstance(each, socket.gaierror) for each in chain):
        return "unknown_name"
    if isinstance(error, redis.TimeoutError) or any(isinstance(each, TimeoutError) for each in chain):
        return "timeout"
    if any(isinstance(each, (ConnectionRefusedError, FileNotFoundError)) for each in chain):
        return "refused"
    return "lost" if isinstance(error, redis.ConnectionError) else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__
