"""Names of the ledger's Redis keys. The keys of one job start with `weft:{id}:`."""

from __future__ import annotations

#: Raised whenever a reader of the old layout would misread the new one.
SCHEMA = 1
SCHEMA_KEY = "weft:schema"

#: zset: job id → creation time; jobs listed on the jobs page
JOBS = "weft:jobs"
#: set: jobs that the dispatcher handles (everything not finished or cancelled)
ACTIVE = "weft:active"
#: set: jobs whose projection is not up to date
UNPROJECTED = "weft:unprojected"
#: zset: job id → end time, from which its retention in the ledger counts
ENDED = "weft:ended"
#: zset: job id → start of its submission; removed after an hour if never completed
RECEIVING = "weft:receiving"
#: zset: job id → creation time; single classified photos, kept for a day and not listed
BRIEF = "weft:brief"
#: hash: totals since the ledger began (photos_ok photos_failed cached …, failed:CODE, jobs:STATE)
STATS = "weft:stats"
#: hash: a measured sample (JSON of its name and labels) → its total since the ledger began
MEASURED = "weft:measured"
#: string (JSON) with a TTL: what the dispatcher last saw of the jobs that have not ended
OVERVIEW = "weft:overview"
#: string (JSON): what is kept, by kind, and when that was measured
DISK = "weft:disk"
#: zset: worker id → last heartbeat
WORKERS = "weft:workers"
#: string with a TTL: the dispatcher that holds the leader lock
DISPATCHER = "weft:dispatcher"

#: hash: job → JSON, whose end some receivers of webhooks do not know yet
WEBHOOKS = "weft:webhooks"
#: string: end time up to which ended jobs were looked at for webhooks
WEBHOOKS_SINCE = "weft:webhooks:since"
#: hash: `job:event` → when it was told of a job that has not ended
NOTICES = "weft:notices"


#: zset: upload → when it expires
UPLOADS = "weft:uploads"


#: channel: something was submitted or listed; wakes the dispatcher
NEWS = "weft:news"


#: string (JSON list) with a TTL: folder roots of the running server
ROOTS = "weft:roots"


def upload(upload_id: str) -> str:
    """hash: an upload in many requests: what is wished, and with a TTL the job that it became"""
    return f"weft:upload:{upload_id}"


def upload_files(upload_id: str) -> str:
    """hash: position → JSON `[name, sha256, size, is_archive, photos]`"""
    return f"{upload(upload_id)}:files"


def upload_parts(upload_id: str) -> str:
    """hash: SHA-256 of a stored part of a file → its bytes"""
    return f"{upload(upload_id)}:parts"


def upload_fresh(upload_id: str) -> str:
    """hash: SHA-256 of a blob that was not stored before → when this upload stored it last"""
    return f"{upload(upload_id)}:fresh"


def job(job_id: str, part: str) -> str:
    return f"weft:{{{job_id}}}:{part}"


def ready(identity: str, lane: str) -> str:
    """list of `job chunk admitted_ms`: admitted chunks that workers with this encoder may claim"""
    return f"weft:ready:{identity}:{lane}"


def rota(identity: str, lane: str, priority: str = "normal") -> str:
    """list of jobs of one priority with unadmitted chunks, in round-robin order"""
    name = f"weft:rota:{identity}:{lane}"
    return name if priority == "normal" else f"{name}:{priority}"


def turn(identity: str, lane: str) -> str:
    """string (number): admissions so far, while jobs of several priorities have chunks left"""
    return f"weft:turn:{identity}:{lane}"


def worker(worker_id: str) -> str:
    return f"weft:w:{worker_id}"


def held(worker_id: str) -> str:
    """set of `job chunk` leased by this worker; expired at once when its child has died"""
    return f"weft:held:{worker_id}"


def idempotency(digest: str) -> str:
    return f"weft:idem:{digest}"


def session(digest: str) -> str:
    """string (JSON) with a TTL: a login, by the SHA-256 of its token"""
    return f"weft:session:{digest}"


def wrong_keys(address: str) -> str:
    """string (number) with a TTL: wrong keys that came from an address"""
    return f"weft:wrong:{address}"
