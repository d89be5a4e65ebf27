"""A run of a collection, step by step. Every step is repeated or continued wherever the one before was interrupted.

Exactly once: the plan and the run's state change in one transaction; the plan is submitted under the run's id as its
Idempotency-Key; and the job's id is written together with what is known of its files.
"""

from __future__ import annotations

import time
from collections.abc import Collection as Sized
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import structlog

from shared.bank.store import BankStore
from shared.collections.buckets import copy_planned
from shared.collections.collection import Collection
from shared.collections.index import Index
from shared.collections.look import Look
from shared.collections.outcomes import take_outcomes
from shared.collections.runs import UNDER_WAY, Run, RunState
from shared.collections.store import Collections
from shared.collections.swatches import find_planned, planned
from shared.collections.watching import Arrived
from shared.core.errors import NotFound, Unavailable, WeftError
from shared.core.settings import Settings
from shared.core.window import next_time
from shared.jobs.intake.idempotency import RequestKey
from shared.jobs.intake.submission import Intake, Wish
from shared.jobs.ledger import Ledger
from shared.jobs.model import Item
from shared.jobs.projection import projection_path
from shared.storage import open_storage

_log = structlog.get_logger(__name__)
#: States in which nothing is submitted yet, as far as is known.
_BEFORE_JOB = (RunState.WAITING, RunState.LOOKING, RunState.SUBMITTING)


class _Planned(Sized[Item]):
    """The photos of a plan, read as they are submitted: a million of them need no memory."""

    def __init__(self, index: Index, collection: Collection) -> None:
        self._index, self._collection = index, collection

    def __len__(self) -> int:
        return int(self._index.db.execute("SELECT coalesce(sum(max(parts, 1)), 0) FROM plan").fetchone()[0])

    def __contains__(self, item: object) -> bool:
        return any(item == one for one in self)

    def __iter__(self) -> Iterator[Item]:
        return planned(self._index, self._collection)


class Running:
    """Does what is to be done for one collection now. Any process may; the dispatcher does."""

    def __init__(self, settings: Settings, ledger: Ledger, collection: Collection) -> None:
        self._settings = settings
        self._ledger = ledger
        self._collection = collection

    def step(self) -> Run | None:
        """Brings the run that is under way as far as it goes now; returns it, None without one.

        A run that cannot be done is refused with the reason. Raises Unavailable: try again later.
        """
        with Collections(self._settings).index(self._collection.id) as index:
            if (run := index.runs.active()) is None:
                return None
            try:
                self._advance(index, run)
            except Unavailable as error:
                # People see what it waits for.
                index.runs.advance(run.id, *UNDER_WAY, code=error.code, detail=_plain(error.detail))
                raise
            except WeftError as error:
                if error.code == "idempotency_in_progress":
                    # An earlier dispatcher died while it submitted: its lock goes by itself.
                    raise Unavailable("idempotency_in_progress") from error
                refuse(index, run, error.code, error.detail)
            else:
                if run.code is not None:
                    index.runs.advance(run.id, *UNDER_WAY, RunState.DONE, RunState.LOOKED, code=None, detail={})
            return index.runs.find(run.id)

    def arrived(self, index: Index) -> Arrived:
        """Looks, without reading or changing anything, whether there is something for a run to take up.

        Raises FolderGone, FolderNotAllowed, Unavailable.
        """
        run = Run(id="", asked=time.time(), state=RunState.LOOKING, dry=True)
        look = Look(index, self._collection, self._settings.roots, run, self._settings.buckets)
        look.look(self._job_is_there)
        return look.arrived()

    def _advance(self, index: Index, run: Run) -> None:
        if run.state is RunState.WAITING:
            index.runs.advance(run.id, RunState.WAITING, state=RunState.LOOKING, began=time.time())
            run = index.runs.find(run.id)
        if run.state is RunState.LOOKING:
            self._look(index, run)
            run = index.runs.find(run.id)
        if run.state is RunState.SUBMITTING:
            self._submit(index, run)
            run = index.runs.find(run.id)
        if run.state is RunState.RUNNING:
            self._finish(index, run)

    def _look(self, index: Index, run: Run) -> None:
        for job in index.jobs_without_hash():
            # Its failed photos may have been tried again since.
            with suppress(NotFound):
                take_outcomes(self._settings, self._ledger, index, job, carry=False)
        look = Look(index, self._collection, self._settings.roots, run, self._settings.buckets)
        look.look(self._job_is_there)
        _log.info("collection_looked", collection=self._collection.id, run=run.id, **look.counts)
        if run.dry:
            values = {"state": RunState.LOOKED, "counts": look.counts, "parts": look.parts, "ended": time.time()}
            index.runs.advance(run.id, RunState.LOOKING, **values)
        else:
            look.plan(RunState.SUBMITTING)

    def _submit(self, index: Index, run: Run) -> None:
        one, planned = self._collection, _Planned(index, self._collection)
        storage, banks = open_storage(self._settings), BankStore(self._settings)
        if one.in_bucket and (unread := copy_planned(index, one.parent, storage)):
            counts = {**run.counts, "unread": unread, "chosen": len(planned)}
            index.runs.advance(run.id, RunState.SUBMITTING, counts=counts)
        if not len(planned):
            index.runs.advance(run.id, RunState.SUBMITTING, state=RunState.DONE, ended=time.time())
            return
        find_planned(index, one, self._settings)
        due = next_time(one.by, time.time()) if one.by else None
        wish = Wish(
            one.name,
            one.preset,
            owner=run.who or one.owner,
            bank=one.bank,
            priority=one.priority,
            window=one.window,
            deadline=due,
            collection=one.id,
            split=one.rules.split,
        )
        key = RequestKey(f"collection\n{one.id}\n{run.id}")
        intake = Intake(self._settings, self._ledger, storage, banks)
        # The plan alone counts, so that a change of the collection meanwhile is no other request.
        job = intake.submit_listed(None if one.in_bucket else one.parent, planned, wish, key, (one.id, run.id))
        with index.transaction():
            if index.runs.advance(run.id, RunState.SUBMITTING, state=RunState.RUNNING, job=job.id):
                index.settle(job.id)

    def _finish(self, index: Index, run: Run) -> None:
        """Learns the hashes of what was classified, once the job has ended."""
        assert run.job is not None
        try:
            if not self._ledger.find(run.job).ended:
                return
            later = take_outcomes(self._settings, self._ledger, index, run.job, carry=not run.everything)
        except NotFound:
            # Deleted: the next run takes its files again.
            later = {}
        counts = {**run.counts, **later}
        index.runs.advance(run.id, RunState.RUNNING, state=RunState.DONE, counts=counts, ended=time.time())

    def _job_is_there(self, job_id: str) -> bool:
        return projection_path(self._settings, job_id).exists() or self._ledger.contains(job_id)


def refuse(index: Index, run: Run, code: str, detail: dict[str, Any]) -> None:
    """Ends a run that cannot be done: what is known stays as it is."""
    _log.warning("collection_run_refused", run=run.id, code=code)
    values = {"state": RunState.REFUSED, "code": code, "detail": _plain(detail), "ended": time.time()}
    index.runs.advance(run.id, *_BEFORE_JOB, **values)


def _plain(detail: dict[str, Any]) -> dict[str, Any]:
    """Values that JSON can hold."""
    return {name: value if isinstance(value, (int, float, str)) else str(value) for name, value in detail.items()}
