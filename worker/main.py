"""Starts one Celery worker: a parent that only supervises, and one child with the warm engine."""

from __future__ import annotations

import os

from shared.core.settings import Settings
from shared.jobs.ledger.server import require
from shared.jobs.model import Lane
from shared.storage import require_storage
from worker.heartbeat import IMPORT_SECONDS, StartingHeartbeat, own_id


def main(settings: Settings, only: str | None = None) -> None:
    """Runs until SIGTERM or SIGINT; then what is in hand is finished, the rest handed back.

    `only`: serve this lane alone. Raises: Unavailable where Redis cannot be found or refuses for good, Conflict where
    it would lose the ledger, or the object store has no such bucket.
    """
    require(settings)
    # A store that does not answer is waited for.
    require_storage(settings)
    # Celery reads it at import. SIGTERM has to stay a warm shutdown: that one tells us at once (see Drain), and the
    # task ends as soon as what is in hand is done. A soft shutdown sleeps its whole time first, and tells nobody.
    os.environ.pop("REMAP_SIGTERM", None)
    os.environ["WEFT_DATA_DIR"] = str(settings.data_dir)
    # NumPy's, read when the child imports it: ranking's products are small, and a second thread costs more in waiting
    # for its share than it saves. The encoder's threads are its own.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    lanes = [Lane(only)] if only else list(Lane)

    # Before Celery is imported, which takes long on a busy machine or a cold disk.
    StartingHeartbeat(settings, own_id(), lanes).send(IMPORT_SECONDS)

    from worker.app import build

    app = build(settings, lanes)
    app.worker_main(
        [
            "--quiet",
            "worker",
            "--pool=prefork",
            "--concurrency=1",
            "--queues=" + ",".join(lane.value for lane in lanes),
            "--without-gossip",
            "--without-mingle",
            f"--hostname=weft-{os.getpid()}@%h",
            f"--loglevel={settings.log_level}",
        ]
    )
