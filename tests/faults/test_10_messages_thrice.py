"""Every message, and every hint in the ready list, comes three times."""

from __future__ import annotations

from shared.jobs.ledger import keys
from tests.faults.record import Record
from tests.faults.site import Site, disturb
from tests.faults.strikes import messages_thrice


def test_every_message_is_delivered_three_times(site: Site, record: Record) -> None:
    disturb(site, record, lambda: messages_thrice(site, 2))
    assert all(not site.redis.llen(name) for name in site.redis.scan_iter(keys.ready("*", "*")))
