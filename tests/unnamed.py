"""Removes at once, as `weft gc` does after some days, what no job names."""

from __future__ import annotations

from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.maintenance import retention
from shared.maintenance.retention.plan import DAY, Policies
from shared.storage import open_storage


def remove_unnamed(settings: Settings) -> int:
    """How many uploads are gone. Those of the last second go as well: no days, and one second more."""
    policies = Policies(uploads=-1 / DAY)
    return len(retention.remove(settings, Ledger.connect(settings), open_storage(settings), policies)["blobs"].due)
