"""One job for one request: the caller's Idempotency-Key, or the key that a command line's data folder remembers."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shared.core.errors import Conflict
from shared.jobs.intake.known_files import KnownFiles
from shared.jobs.model import Item, Job

#: Seconds that the ledger holds the key of a submission whose process died, and a little more.
_TAKEN_OVER_SECONDS = 20.0


def fingerprint(*values: object, items: Iterable[Item] = ()) -> str:
    """Tells whether a request with a known Idempotency-Key is the same request.

    Requests are repeated across upgrades: what goes into it may never change (tests/unit/test_fingerprints.py).
    """
    digest = hashlib.sha256(repr(values).encode())
    for item in items:
        digest.update(f"{item.name}\0{item.sha256}\0".encode())
    return digest.hexdigest()


class Repeatable(Protocol):
    """How a request that comes a second time is recognised."""

    def fingerprint(self, asked: Sequence[object], items: Iterable[Item] | None) -> str:
        """The fingerprint of what is asked; `items` None where the server lists them."""

    def submit(self, accept: Callable[[str | None, str], Job], fingerprint: str) -> Job:
        """Calls `accept` with the key and the fingerprint. Raises as `ledger.submission.Submission.submit`."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The `Idempotency-Key` header of a request; None: every request makes a job."""

    key: str | None = None

    def fingerprint(self, asked: Sequence[object], items: Iterable[Item] | None) -> str:
        return fingerprint(*asked, items=items or ())

    def submit(self, accept: Callable[[str | None, str], Job], fingerprint: str) -> Job:
        return accept(self.key, fingerprint)


@dataclass(frozen=True, slots=True)
class Command:
    """A command that makes one job, also where an earlier run of it was interrupted after the ledger had accepted the
    job. Once the job is known here, the same command makes a new one."""

    known: KnownFiles
    #: Tells the command from others: see `of`.
    request: str

    @classmethod
    def of(
        cls,
        known: KnownFiles,
        paths: Sequence[Path],
        name: str,
        preset: str | None,
        at: float | None,
        copy: bool,
        priority: str = "normal",
        bank: str | None = None,
        window: str | None = None,
        by: float | None = None,
        split: str | None = None,
    ) -> Command:
        """The command with these arguments, as they were typed (`at` in seconds since the epoch)."""
        # What is left out does not count, as in earlier versions, whose commands may be run again.
        more: tuple[str, ...] = () if priority == "normal" else (priority,)
        if bank is not None:
            more = (*more, "bank", bank)
        if window is not None:
            more = (*more, "window", window)
        if by is not None:
            more = (*more, "by", str(by))
        if split is not None:
            more = (*more, "split", split)
        return cls(known, fingerprint([os.path.abspath(path) for path in paths], name, preset, at, copy, *more))

    def fingerprint(self, asked: Sequence[object], items: Iterable[Item] | None) -> str:
        return self.request if items is None else fingerprint(self.request, items=items)

    def submit(self, accept: Callable[[str | None, str], Job], fingerprint: str) -> Job:
        key, again = self.known.begin(self.request)
        deadline = time.monotonic() + _TAKEN_OVER_SECONDS
        while True:
            try:
                job = accept(key, fingerprint)
            except Conflict as conflict:
                if conflict.code == "idempotency_mismatch" and again:
                    # The earlier run's job exists, and the photos have changed since: this is another job.
                    self.known.finish(self.request)
                    key, again = self.known.begin(self.request)
                elif conflict.code == "idempotency_in_progress" and again and time.monotonic() < deadline:
                    time.sleep(0.5)
                else:
                    raise
            else:
                self.known.finish(self.request)
                return job
