"""Names of the ledger's keys. Everything of one job starts with `weft:{id}:`; the comments say what each holds."""

from __future__ import annotations

#: Raised whenever a reader of the old layout would misread the new one.
SCHEMA = 1
SCHEMA_KEY = "weft:schema"

#: zset: job id → created, what the jobs page lists
JOBS = "weft:jobs"
#: set: jobs that the dispatcher looks after (everything not finished or cancelled)
ACTIVE = "weft:active"
#: set: jobs of which something is committed or changed that their projection does not hold yet
UNPROJECTED = "weft:unprojected"
#: zset: job id → when it finished or was cancelled, from which its time in the ledger counts
ENDED = "weft:ended"
#: zset: job id → when its submission began; what stays here for an hour was never finished and is removed
RECEIVING = "weft:receiving"
#: zset: job id → created, single classified photos: kept for a day and not listed
BRIEF = "weft:brief"
#: hash: totals since the ledger began (photos_ok photos_failed cached)
STATS = "weft:stats"
#: zset: worker id → last heartbeat
WORKERS = "weft:workers"
#: set while one dispatcher holds the office
DISPATCHER = "weft:dispatcher"


#: channel: something was submitted or listed; the dispatcher looks at once
NEWS = "weft:news"


#: string (JSON list): folders below which the running server may read, while one runs
ROOTS = "weft:roots"


def job(job_id: str, part: str) -> str:
    return f"weft:{{{job_id}}}:{part}"


def ready(identity: str, lane: str) -> str:
    """List of `job chunk admitted_ms`: admitted chunks that a worker with this encoder may claim."""
    return f"weft:ready:{identity}:{lane}"


def rota(identity: str, lane: str) -> str:
    """List of jobs with chunks left: whose turn it is when a chunk ends."""
    return f"weft:rota:{identity}:{lane}"


def worker(worker_id: str) -> str:
    return f"weft:w:{worker_id}"


def held(worker_id: str) -> str:
    """Set of `job chunk` that this worker has leased: expired at once when its child is found dead."""
    return f"weft:held:{worker_id}"


def idempotency(digest: str) -> str:
    return f"weft:idem:{digest}"
