"""The record of jobs in Redis: the truth. A Celery message is only a hint that a chunk may be worth claiming.

Web and command line use `Ledger`, workers use `Claims`, the dispatcher uses `DispatcherLedger`. Every atomic step is a
Lua script in `lua/`; `docs/reliability.md` describes the guarantees.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from shared.core.chunked import chunked
from shared.core.errors import Conflict, NotFound
from shared.core.redis_urls import addresses
from shared.core.settings import CHUNK_ITEMS, Settings
from shared.core.window import Window
from shared.jobs.catalog import Catalog
from shared.jobs.job_search import EVERY, JobFilter
from shared.jobs.ledger import keys, wire
from shared.jobs.ledger.connection import Connection, connect
from shared.jobs.ledger.job_store import JobStore
from shared.jobs.ledger.line import placed
from shared.jobs.ledger.redis_errors import redis_errors
from shared.jobs.ledger.submission import Submission
from shared.jobs.ledger.submitted import submitted
from shared.jobs.model import Item, Job, JobSpec, Priority, Sent
from shared.jobs.states import RULES, JobState

__all__ = ["Ledger"]


class Ledger(JobStore):
    """Jobs: submit, read, control."""

    def __init__(self, connection: Connection, settings: Settings | None = None) -> None:
        super().__init__(connection)
        self._catalog = Catalog(settings) if settings else None
        self.connection = connection
        self._submission = Submission(connection, self._archived)

    @classmethod
    def connect(cls, settings: Settings, *, fail_fast: bool = False) -> Ledger:
        """The ledger of this data dir or of `WEFT_REDIS_URL`; `fail_fast` as in `connection.connect`.

        Raises:
            Unavailable: there is none, or it does not respond.
            Conflict: it was written by another version (`schema_unknown`).
        """
        connection = Connection(connect(addresses(settings).ledger, fail_fast=fail_fast))
        connection.check_schema()
        return cls(connection, settings)

    def submit(
        self,
        spec: JobSpec,
        items: Collection[Item],
        idempotency_key: str | None = None,
        fingerprint: str | None = None,
    ) -> Job:
        """Accepts a job whose items are known. When this returns, every one of them will get exactly one outcome.

        Raises: see `Submission.submit`.
        """
        return self.find(self._submission.submit(spec, items, len(items), idempotency_key, fingerprint))

    def submit_folder(self, spec: JobSpec, idempotency_key: str | None = None, fingerprint: str | None = None) -> Job:
        """Accepts a folder; the dispatcher lists it. Raises: see `Submission.submit`."""
        return self.find(self._submission.submit(spec, None, None, idempotency_key, fingerprint))

    def submit_sent(
        self, spec: JobSpec, sent: Sequence[Sent], idempotency_key: str | None = None, fingerprint: str | None = None
    ) -> Job:
        """Accepts stored files with archives among them; the dispatcher unpacks them.

        Raises: see `Submission.submit`.
        """
        return self.find(self._submission.submit(spec, None, None, idempotency_key, fingerprint, sent))

    def find(self, job_id: str) -> Job:
        """A job of the ledger or of the archive, with its place in the line. Raises: NotFound."""
        try:
            return placed(self.connection, [self.job(job_id)])[0]
        except NotFound:
            if (archived := self._archived(job_id)) is None:
                raise
            return archived

    def listed(self, limit: int = 50, before: float | None = None, wanted: JobFilter = EVERY) -> list[Job]:
        """Newest first, archived jobs included; `before` is the paging cursor (creation time)."""
        held = [] if wanted.archived else placed(self.connection, self.jobs(limit, before, wanted))
        archived = self._catalog.page(limit, before, wanted) if self._catalog and wanted.archived is not False else []
        both = {job.id: job for job in (*archived, *held)}
        return sorted(both.values(), key=lambda job: (job.created, job.id), reverse=True)[:limit]

    def items(self, job_id: str) -> list[Item]:
        """The job's photos as they were submitted or listed so far, by index."""
        return submitted(self.connection, job_id)

    def rename(self, job_id: str, name: str) -> Job:
        """Raises: NotFound where the ledger does not hold it; see `archive.rename` for archived jobs."""
        if not self.connection.scripts.rename(job_id, name):
            raise NotFound(what=f"job {job_id}")
        return self.job(job_id)

    def prioritise(self, job_id: str, priority: Priority) -> Job:
        """Lets the job have more or fewer of the next chunks; of its priority, it has the next turn.

        Raises: NotFound; Conflict where it has ended.
        """
        return self._unended(job_id, self.connection.scripts.prioritise(job_id, priority))

    def precede(self, job_id: str, first: bool = True) -> Job:
        """Moves the job to the front of its priority, before those moved earlier: it has all turns of this priority
        until it is done. Not `first`: it takes turns again. Raises: NotFound; Conflict where it has ended."""
        return self._unended(job_id, self.connection.scripts.precede(job_id, first))

    def set_window(self, job_id: str, window: Window | None) -> Job:
        """The hours in which the job works from now on; None: always. Raises: NotFound; Conflict where it has ended."""
        values = {"window": str(window or ""), "anyway": ""}
        return self._unended(job_id, self.connection.scripts.adjust(job_id, values))

    def set_deadline(self, job_id: str, deadline: float | None) -> Job:
        """When the job should be done, in seconds since the epoch. Raises: NotFound; Conflict where it has ended."""
        job = self._unended(job_id, self.connection.scripts.adjust(job_id, {"deadline": deadline or ""}))
        with redis_errors():
            # Whether it will be late is told once for each.
            self.connection.redis.hdel(keys.NOTICES, f"{job_id}:late")
        return job

    def _unended(self, job_id: str, state: str | None) -> Job:
        """The job, after a script that does nothing to one that has ended, and returned this state."""
        if state is None:
            if self._archived(job_id):
                raise Conflict("job_archived")
            raise NotFound(what=f"job {job_id}")
        if state in list(JobState) and RULES[JobState(state)].terminal:
            raise Conflict(reason=state)
        return self.job(job_id)

    def _archived(self, job_id: str) -> Job | None:
        return self._catalog.find(job_id) if self._catalog else None

    def steer(self, job_id: str, verb: str) -> Job:
        """Does one of `states.VERBS`. Raises: NotFound; Conflict where the job's state refuses it."""
        return self.retry(job_id) if verb == "retry" else self._control(job_id, verb)

    def cancel(self, job_id: str) -> Job:
        """Ends a job; results committed so far stay. Raises: NotFound."""
        return self._control(job_id, "cancel")

    def pause(self, job_id: str) -> Job:
        """No further chunk starts. Raises: NotFound; Conflict unless the job is queued, listing or running."""
        return self._control(job_id, "pause")

    def resume(self, job_id: str) -> Job:
        """Raises: NotFound; Conflict for an ended job."""
        return self._control(job_id, "resume")

    def start(self, job_id: str) -> Job:
        """Starts a scheduled job that is due. Raises: NotFound."""
        return self._control(job_id, "start")

    def open(self, job_id: str) -> Job:
        """The job's window has opened. Raises: NotFound."""
        return self._control(job_id, "open")

    def close(self, job_id: str) -> Job:
        """The job's window has closed: no further chunk starts. Raises: NotFound."""
        return self._control(job_id, "close")

    def retry(self, job_id: str, only: Collection[int] | None = None) -> Job:
        """Queues failed items again, in a new generation; `only` those of these indexes.

        Raises:
            NotFound: no such job.
            Conflict: it is cancelled, or nothing (of these) failed.
        """
        job = self.find(job_id)
        if job.archived:
            raise Conflict("job_archived")
        if "retry" not in RULES[job.state].verbs or not job.failed:
            raise Conflict(reason=f"{job.state}, {job.failed} failed")
        failed = [item for item in self._failed_items(job_id) if only is None or item.index in only]
        if not failed:
            raise Conflict(reason=f"{job.state}, none of these failed")
        for chunk in chunked(failed, CHUNK_ITEMS):
            generations = [(item.index, item.generation) for item in chunk]
            # A no-op if a concurrent retry was faster: its items are already queued.
            self.connection.scripts.retry(job_id, wire.pack_items(chunk), generations)
        return self.job(job_id)

    def _failed_items(self, job_id: str) -> Iterable[Item]:
        """Failed items as references with their next generation, by index."""
        redis = self.connection.redis
        with redis_errors():
            failed = {int(i): int(c) for i, c in redis.hgetall(keys.job(job_id, "failed")).items()}
            raised = {int(i): int(g) for i, g in redis.hgetall(keys.job(job_id, "gen")).items()}
            by_chunk: defaultdict[int, set[int]] = defaultdict(set)
            for index, chunk in failed.items():
                by_chunk[chunk].add(index)
            found: list[Item] = []
            for chunk, indexes in by_chunk.items():
                blob = redis.get(keys.job(job_id, f"in:{chunk}"))
                found += [i for i in wire.unpack_items(blob) if i.index in indexes] if blob else []
        for i in sorted(found, key=lambda item: item.index):
            yield Item(i.index, i.name, i.sha256, i.path, i.size, i.mtime, raised.get(i.index, 0) + 1)

    def _control(self, job_id: str, verb: str) -> Job:
        state = self.connection.scripts.control(job_id, verb)
        if state is None:
            if self._archived(job_id):
                raise Conflict("job_archived")
            raise NotFound(what=f"job {job_id}")
        if state in list(JobState) and verb not in RULES[JobState(state)].verbs:
            raise Conflict(reason=state)
        return self.job(job_id)
