"""Fills the archive of similar photos from ended jobs, or the bank server: a thread of the dispatcher, and a process
that reads for it."""

from __future__ import annotations

from collections import defaultdict

from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.similar.client import MOST_COMPARED, MOST_JOBS, Similar
from shared.similar.sources import sources
from worker.dispatcher.rounds import Rounds

#: Seconds between two looks; the bank server also gets what people say of photos.
_INTERVAL, _SERVED_INTERVAL = 600.0, 60.0


class Archiver(Rounds):
    """In files, only what a search would not compare one by one: most installations have no archive."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        super().__init__("archiver", "archiving_delayed", _SERVED_INTERVAL if settings.index_url else _INTERVAL)
        self._served = settings.index_url is not None
        self._ledger = ledger
        self._similar = Similar(settings)

    def round(self) -> None:
        if not self._served:
            self._fill_files()
            return
        jobs = sources(self._ledger)
        # A few seconds at a time, as below.
        while not self.stopping.is_set() and self._similar.serve(jobs):
            pass

    def _fill_files(self) -> None:
        compared: defaultdict[str, int] = defaultdict(int)
        older: defaultdict[str, list[str]] = defaultdict(list)
        for job in self._ledger.listed(MOST_JOBS):
            if compared[job.identity] >= MOST_COMPARED and job.ended and job.ok:
                older[job.identity].append(job.id)
            compared[job.identity] += job.ok
        for identity, jobs in older.items():
            # A few seconds at a time, so that the end of the dispatcher does not wait for a million photos.
            while not self.stopping.is_set() and self._similar.fill(identity, jobs):
                pass

    def end(self) -> None:
        super().end()
        self._similar.close()
