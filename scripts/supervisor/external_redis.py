"""A Redis server that is not ours (WEFT_REDIS_URL): waited for at the start, and looked at."""

from __future__ import annotations

import time
from contextlib import closing

from scripts.supervisor.signals import Signals
from shared.core.errors import Unavailable, WeftError
from shared.core.settings import Settings
from shared.jobs.ledger.server import examine, is_permanent, open_client

#: Seconds for which a start waits for a server that refuses, is unknown or does not answer: it may be starting, too.
PATIENCE_SECONDS = 15.0
_RETRY_DELAY = 0.5


def await_server(settings: Settings, signals: Signals, seconds: float = PATIENCE_SECONDS) -> list[WeftError]:
    """What is to be said of the server; see `shared.jobs.ledger.server.examine`.

    Raises Conflict (`redis_evicts`), Unavailable: at once where waiting does not help, else after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not signals.stopping:
        try:
            with closing(open_client(settings)) as connection:
                return examine(connection)
        except Unavailable as error:
            if is_permanent(error) or time.monotonic() > deadline:
                raise
        signals.wait(_RETRY_DELAY)
    return []
