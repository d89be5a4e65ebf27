"""Clients of a Redis server by its URL: `redis://`, `rediss://`, `unix://`, and `redis+sentinel://` for Sentinel.

`redis+sentinel://[user:password@]host:port[,host:port…]/SERVICE[/DB]`; the user is that of the data server.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

SENTINEL = "redis+sentinel"
_SENTINEL_PORT = 26379
T = TypeVar("T")


class AddressedRetry(Retry):
    """Whatever is raised knows in `address` whom it was about."""

    def __init__(self, retry: Retry, address: str) -> None:
        super().__init__(retry.get_backoff() if hasattr(retry, "get_backoff") else retry._backoff, retry._retries)
        self._address = address

    def call_with_retry(self, do: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        try:
            return super().call_with_retry(do, *args, **kwargs)
        except redis.RedisError as error:
            error.address = self._address  # type: ignore[attr-defined]
            raise


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """The parts of a `redis+sentinel://` URL."""

    hosts: tuple[tuple[str, int], ...]
    service: str
    db: int
    username: str | None
    password: str | None

    @classmethod
    def parse(cls, url: str) -> SentinelUrl:
        """Raises ValueError where the service or a host is missing."""
        parts = urlsplit(url)
        login, _, hosts = parts.netloc.rpartition("@")
        username, _, password = login.partition(":")
        service, _, db = parts.path.strip("/").partition("/")
        pairs = [host.rpartition(":") if ":" in host else (host, "", "") for host in hosts.split(",")]
        found = tuple((host, int(port or _SENTINEL_PORT)) for host, _, port in pairs if host)
        if not service or not found:
            raise ValueError(f"not {SENTINEL}://HOST:PORT[,HOST:PORT]/SERVICE")
        return cls(found, service, int(db or 0), unquote(username) or None, unquote(password) or None)


def address(url: str) -> str:
    """Where a server is, without any password: host and port, or the socket's path."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return unquote(parts.path)
    hosts = parts.netloc.rpartition("@")[2]
    return f"{hosts} (Sentinel, {parts.path.strip('/')})" if parts.scheme == SENTINEL else hosts


def check_url(url: str) -> None:
    """Raises ValueError for what is no address of a Redis server."""
    if url.startswith(f"{SENTINEL}:"):
        SentinelUrl.parse(url)
    else:
        redis.connection.parse_url(url)


def client(url: str, retry: Retry | None = None, **options: Any) -> redis.Redis:
    """A client; `options` as redis-py's `Redis` takes them. Connects at its first command."""
    options["retry"] = AddressedRetry(retry or Retry(NoBackoff(), 0), address(url))
    if not url.startswith(f"{SENTINEL}:"):
        return redis.Redis.from_url(url, **options)
    told = SentinelUrl.parse(url)
    login = {"username": told.username, "password": told.password, "db": told.db}
    timeouts = {k: v for k, v in options.items() if k in ("socket_timeout", "socket_connect_timeout")}
    asked = Sentinel(told.hosts, sentinel_kwargs=timeouts)
    found: redis.Redis = asked.master_for(told.service, **login, **options)
    return found


def sentinel_broker(url: str) -> str:
    """The same for kombu, which takes one URL a Sentinel; see `sentinel_options`."""
    told = SentinelUrl.parse(url)
    login = urlsplit(url).netloc.rpartition("@")[0]
    before = f"{login}@" if login else ""
    return ";".join(f"sentinel://{before}{host}:{port}/{told.db}" for host, port in told.hosts)


def sentinel_options(url: str) -> dict[str, Any]:
    """Kombu's transport options for a `redis+sentinel://` URL."""
    return {"master_name": SentinelUrl.parse(url).service}
