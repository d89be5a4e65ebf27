"""While the bank server is away, a worker takes nothing that needs it, and charges nobody; other banks' jobs go on."""

from __future__ import annotations

from pathlib import Path

from shared.core.errors import Unavailable, WeftError
from shared.jobs.ledger.claims import Claim
from shared.jobs.model import Lane
from tests.ledger_harness import LedgerHarness
from worker.blocked_jobs import BlockedJobs
from worker.folders import Folders
from worker.source import LedgerSource


def test_chunks_that_need_it_are_left_and_others_taken(harness: LedgerHarness, tmp_path: Path) -> None:
    away = {"large"}

    def server_away(bank: str) -> WeftError | None:
        return Unavailable("index_unavailable", reason="away") if bank in away else None

    def source(blocked: BlockedJobs) -> LedgerSource:
        return LedgerSource(
            harness.worker(), 20, lambda: False, lambda _: None, Folders((tmp_path,)), blocked, server_away
        )

    large, small = harness.submit(3, "large", bank="large"), harness.submit(3, "small", bank="small")
    for job in (large, small):
        harness.admit(job)
    blocked = BlockedJobs()
    with source(blocked) as asking:
        taken = asking.take(Lane.BULK)
        assert isinstance(taken, Claim)
        assert taken.job == small.id
        assert asking.take(Lane.BULK) is None
        asking.release(taken)
    # The page and the job say why.
    (told,) = blocked.report()
    assert (told.job, told.code) == (large.id, "index_unavailable")
    away.clear()
    with source(BlockedJobs()) as asking:
        found = [asking.take(Lane.BULK) for _ in range(2)]
        by_job = {claim.job: claim for claim in found if claim}
        assert set(by_job) == {large.id, small.id}
        # Its attempt is the first: nothing was charged.
        assert by_job[large.id].attempt == by_job[small.id].attempt
        for claim in by_job.values():
            asking.release(claim)
