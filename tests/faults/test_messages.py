"""The broker loses messages, and delivers them several times."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import redis

from shared.ledger import keys
from tests.faults.site import RUNS, Site, disturb

Record = Callable[[float], None]


@contextmanager
def meanwhile(action: Callable[[], None], pause: float) -> Iterator[None]:
    """Repeats the action in a thread for the length of a `with`."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(pause):
            with suppress(redis.RedisError):
                action()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_every_message_is_lost_for_a_while(site: Site, record: Record) -> None:
    """As when a worker dies between BRPOP and the note of it: the message is in no list any more."""
    client = site.ledger.connection.redis
    for _ in range(RUNS):
        folder = site.folder(300)
        with meanwhile(lambda: client.delete("mq:bulk", "mq:unacked", "mq:unacked_index"), 0.005):
            job = site.submit(folder)
            time.sleep(2)
        began = time.monotonic()
        site.check(site.await_end(job), folder)
        record(time.monotonic() - began)


def test_every_message_is_delivered_three_times(site: Site, record: Record) -> None:
    client = site.ledger.connection.redis

    def thrice() -> None:
        for name in ("mq:bulk", *client.scan_iter("weft:ready:*")):
            if entry := client.lindex(name, 0):
                client.rpush(name, entry, entry)

    def strike() -> None:
        with meanwhile(thrice, 0.02):
            time.sleep(2)

    disturb(site, record, strike)
    assert all(not client.llen(name) for name in client.scan_iter(keys.ready("*", "*")))
