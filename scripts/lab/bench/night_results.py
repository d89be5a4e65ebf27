"""What the measurements of nights yield: collections, growth, fairness."""

from __future__ import annotations

from shared.core.documents import Document


class CollectionRun(Document):
    """A collection of so many files, of which `new` are."""

    files: int
    new: int
    #: Seconds from asking for a run to its end where nothing is new, and to its job where something is.
    collection_nothing_s: float
    collection_run_s: float


class GrowthSize(Document):
    """One job of so many files. Times of pages are the median and the 95th percentile, milliseconds."""

    files: int
    submit_ms: float
    #: Seconds until all files are listed, until the last is classified, and until all results are in the database.
    listed_s: float
    run_s: float
    in_database_s: float
    per_second: float
    #: By role: `worker`, `dispatcher`, `web`, `ledger`, `cache`.
    cpu_ms_an_item: dict[str, float]
    #: The most that was resident during the job.
    memory_mb: dict[str, float]
    during_ms: dict[str, tuple[float, float]]
    after_ms: dict[str, tuple[float, float]]
    export_us_an_item: dict[str, float]
    database_bytes_an_item: float
    #: What the ledger holds more than before the job, and how many keys name the job.
    redis_bytes_left: int
    redis_keys_left: int
    aof_mb: float


class ListTimes(Document):
    """Pages that list so many jobs and collections: the median and the 95th percentile, milliseconds."""

    jobs: int
    collections: int
    during_ms: dict[str, tuple[float, float]]
    after_ms: dict[str, tuple[float, float]]


class GrowthReport(Document):
    engine: str
    sizes: list[GrowthSize]
    lists: ListTimes | None


class Fairness(Document):
    """Small jobs that arrive while two mountains run; seconds from a small job's submission."""

    #: Photos of each.
    mountains: list[int]
    small_jobs: int
    small_photos: int
    #: To the end of such a job with nothing beside it.
    alone_done_s: float
    #: To its first chunk, and to its end, beside the mountains; the median, and the worst.
    small_first_s: float
    small_first_worst_s: float
    small_done_s: float
    small_done_worst_s: float
    small_done_vs_alone: float
    #: Of the photos that were done from the first small job's submission to the last one's end.
    mountain_shares: list[float]
    small_share: float
    #: The mountain that got less, beside the other, over a longer stretch.
    mountain_balance: float
