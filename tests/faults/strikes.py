"""What can go wrong, each as one call: strike, and undo what does not undo itself. Used alone and by the soak."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import psutil
import redis

from shared.core.errors import WeftError
from tests.faults.proxy import Proxy
from tests.faults.site import Site, kill, stopped

Strike = Callable[[Site, float], None]


def family(pid: int) -> list[int]:
    """A process and everything below it, deepest first."""
    with suppress(psutil.Error):
        return [*(p.pid for p in psutil.Process(pid).children(recursive=True)), pid]
    return []


@contextmanager
def meanwhile(action: Callable[[], object], pause: float) -> Iterator[None]:
    """Repeats the action in a thread for the length of a `with`."""
    over = Event()

    def repeat() -> None:
        while not over.wait(pause):
            with suppress(redis.RedisError, WeftError):
                action()

    thread = Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def child_killed(site: Site, _: float) -> None:
    for pid in site.children[:1]:
        kill(pid)


def all_children_killed(site: Site, _: float) -> None:
    for pid in site.children:
        kill(pid)


def worker_killed(site: Site, _: float) -> None:
    for parent in site.parents[:1]:
        for pid in family(parent):
            kill(pid)


def worker_ended(site: Site, _: float) -> None:
    """SIGTERM: it drains."""
    for parent in site.parents[-1:]:
        kill(parent, signal.SIGTERM)


def worker_stopped(site: Site, seconds: float) -> None:
    for parent in site.parents[:1]:
        with stopped(*family(parent)):
            time.sleep(seconds)


def ledger_killed(site: Site, _: float) -> None:
    kill(site.role("redis-ledger"))


def ledger_stopped(site: Site, seconds: float) -> None:
    with stopped(site.role("redis-ledger")):
        time.sleep(seconds)


def cache_killed(site: Site, _: float) -> None:
    kill(site.role("redis-cache"))


def cache_stopped(site: Site, seconds: float) -> None:
    with stopped(site.role("redis-cache")):
        time.sleep(seconds)


def dispatcher_killed(site: Site, _: float) -> None:
    kill(site.role("dispatcher"))


def dispatcher_stopped(site: Site, seconds: float) -> None:
    with stopped(site.role("dispatcher")):
        time.sleep(seconds)


def web_killed(site: Site, _: float) -> None:
    for pid in family(site.role("web")):
        kill(pid)


def messages_lost(site: Site, seconds: float) -> None:
    """As when a worker dies between BRPOP and the note of it: the message is in no list any more."""
    client = site.redis
    with meanwhile(lambda: client.delete("mq:bulk", "mq:interactive", "mq:unacked", "mq:unacked_index"), 0.005):
        time.sleep(seconds)


def messages_thrice(site: Site, seconds: float) -> None:
    client = site.redis

    def thrice() -> None:
        for name in ("mq:bulk", *client.scan_iter("weft:ready:*")):
            if entry := client.lindex(name, 0):
                client.rpush(name, entry, entry)

    with meanwhile(thrice, 0.02):
        time.sleep(seconds)


def memory_full(site: Site, seconds: float) -> None:
    """`maxmemory` below what is used: every write that needs room is refused."""
    client = site.redis
    before = 0
    try:
        with suppress(redis.RedisError):
            before = int(client.config_get("maxmemory")["maxmemory"])
            client.config_set("maxmemory", max(1, int(client.info("memory")["used_memory"] * 0.9)))
        time.sleep(seconds)
    finally:
        while before:
            with suppress(redis.RedisError):
                client.config_set("maxmemory", before)
                break
            time.sleep(0.1)


def cut_off(proxy: Proxy) -> Strike:
    """The worker behind `proxy` does not reach the ledger, longer than its lease."""

    def strike(_: Site, seconds: float) -> None:
        proxy.cut()
        time.sleep(2 * seconds)
        proxy.heal()

    return strike


#: Name → (strike, weight): how often it is drawn beside the others.
STRIKES: dict[str, tuple[Strike, int]] = {
    strike.__name__.replace("_", " "): (strike, weight)
    for strike, weight in (
        (child_killed, 6),
        (all_children_killed, 3),
        (worker_killed, 2),
        (worker_ended, 2),
        (worker_stopped, 3),
        (ledger_killed, 2),
        (ledger_stopped, 3),
        (cache_killed, 1),
        (cache_stopped, 1),
        (dispatcher_killed, 2),
        (dispatcher_stopped, 2),
        (web_killed, 2),
        (messages_lost, 3),
        (messages_thrice, 3),
        (memory_full, 2),
    )
}


def draw(rng: random.Random, names: list[str], weights: list[int], longest: float) -> list[tuple[str, float]]:
    """One to three different strikes at once, each with its length in seconds."""
    count = rng.choices((1, 2, 3), (6, 3, 1))[0]
    chosen: dict[str, float] = {}
    while len(chosen) < count:
        chosen[rng.choices(names, weights)[0]] = round(rng.uniform(0.2, longest), 2)
    return list(chosen.items())
