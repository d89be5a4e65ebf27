"""The dispatcher's announcer at work, beside a ledger of the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shared.core.settings import Settings
from shared.jobs.ledger import keys
from tests.ledger_harness import LedgerHarness
from tests.product import eventually
from worker.dispatcher.announcing import Announcer


@contextmanager
def announcing(harness: LedgerHarness, settings: Settings) -> Iterator[None]:
    """For the length of a `with`; only what ends from then on is told."""
    announcer = Announcer(settings, harness.ledger)
    announcer.start()
    eventually(lambda: harness.ledger.connection.redis.get(keys.WEBHOOKS_SINCE) is not None)
    try:
        yield
    finally:
        announcer.end()
        announcer.join(30)
