"""The results of a whole collection: of each of its files the latest one, with its review, out of a job's results."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from shared.bank.class_names import ClassNames, class_names
from shared.bank.store import BankStore
from shared.collections.collection import Collection
from shared.collections.index import Index
from shared.core.errors import NotFound
from shared.core.names import path_name
from shared.core.settings import Settings
from shared.jobs.export.columns import NAMES, Cells, about, as_text, names_of
from shared.jobs.export.source import BankFacts, bank_facts
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job
from shared.jobs.projection import caught_up
from shared.jobs.reviews import ReviewState
from shared.jobs.shown import ShownItem

#: Files that are looked up together.
_AT_ONCE = 1000
#: Fields of a result that are a person's.
_SAID = ("corrected", "review", "final_label", "reviewed_at", "reviewed_by")


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file of a collection, or one swatch of a card; times in seconds since the epoch."""

    path: bytes
    size: int
    changed: float
    first_seen: float
    #: When it was found to be no longer there; None: it is there.
    gone: float | None
    #: The id of the job that has its latest result, and its index there.
    job: str
    index: int
    sha256: str | None
    #: None: not classified yet, or its job was deleted.
    result: ShownItem | None
    #: The folder that it lies in, where the collection says that this is its true class.
    truth: str | None

    @property
    def shown_path(self) -> str:
        """The path for people."""
        return path_name(os.fsdecode(self.path))


class CollectionResults:
    """Reads a collection's files in the order of their paths."""

    def __init__(self, settings: Settings, ledger: Ledger, collection: Collection, index: Index) -> None:
        self._settings, self._ledger = settings, ledger
        self.collection = collection
        #: Results of files that are there.
        self.present = int(index.db.execute("SELECT total(parts) FROM files WHERE gone IS NULL").fetchone()[0])
        self._truth = collection.rules.truth
        self._db = index.db
        self._banks = BankStore(settings)
        self.job = lru_cache(1000)(self._job)
        self.names = lru_cache(8)(self._class_names)
        self._known_facts: dict[tuple[str, str, str], BankFacts] = {}
        self._rows = lru_cache(1000)(self._job_cells)

    def page(
        self, after: bytes = b"", limit: int = _AT_ONCE, gone: bool | None = False, lang: str | None = None
    ) -> list[FileResult]:
        """At most `limit` files behind the path `after`, a card as its swatches; `gone`: only vanished ones, None:
        both."""
        which = "" if gone is None else f" AND gone IS {'NOT ' if gone else ''}NULL"
        sql = f"SELECT * FROM files WHERE path > ?{which} ORDER BY path LIMIT ?"
        rows = self._db.execute(sql, (after, limit)).fetchall()
        parts = [(row, part) for row in rows for part in range(row["parts"])]
        found = self._items({(row["job"], row["idx"] + part) for row, part in parts}, lang)
        said = self._items({(row["said_job"], row["said_idx"] + n) for row, n in parts if row["said_job"]}, lang)
        shown = []
        for row, part in parts:
            result = found.get((row["job"], row["idx"] + part))
            earlier = said.get((row["said_job"], row["said_idx"] + part)) if row["said_job"] else None
            same = result and earlier and result.get("part") == earlier.get("part")
            if result and earlier and same and result["review"] == ReviewState.TODO:
                result = _with_review(result, earlier)
            shown.append(self._shown(row, row["idx"] + part, result))
        return shown

    def _items(self, wanted: set[tuple[str, int]], lang: str | None) -> dict[tuple[str, int], ShownItem]:
        """Results by job and index; what is not there is left out."""
        found: dict[tuple[str, int], ShownItem] = {}
        for job_id in {job for job, _ in wanted}:
            if (job := self.job(job_id)) is None:
                continue
            indexes = [index for one, index in wanted if one == job_id]
            with caught_up(self._settings, self._ledger, job_id, self.names(job.bank)) as projection:
                found |= {(job_id, item["index"]): item for item in projection.at(indexes, lang)}
        return found

    def all(self, lang: str | None = None) -> Iterator[FileResult]:
        """Every file that is there."""
        after = b""
        while page := self.page(after, lang=lang):
            yield from page
            after = page[-1].path

    def _shown(self, row: sqlite3.Row, index: int, result: ShownItem | None) -> FileResult:
        folder = os.path.basename(os.path.dirname(os.fsdecode(row["path"])))
        return FileResult(
            path=row["path"],
            size=row["size"],
            changed=row["mtime"] / 1e9,
            first_seen=row["first_seen"],
            gone=row["gone"],
            job=row["job"],
            index=index,
            sha256=row["sha256"],
            result=result,
            truth=path_name(folder) if self._truth else None,
        )

    def cells(self, file: FileResult) -> list[Any]:
        """The values of an export's columns; all None for a file without a result."""
        return self._rows(file.job).of(file.result) if file.result else [None] * len(NAMES)

    def text_cells(self, file: FileResult) -> list[Any]:
        """The same with times as text."""
        return as_text(self.cells(file))

    def told(self, file: FileResult) -> dict[str, Any]:
        """What JSON Lines say beside the result: of the job, and of the bank's names."""
        job = self.job(file.job)
        if job is None or file.result is None:
            return {}
        facts = self.facts(job)
        return {**names_of(file.result, facts), **about(job, facts)}

    def _job_cells(self, job_id: str) -> Cells:
        job = self._ledger.find(job_id)
        return Cells(job, self.facts(job))

    def facts(self, job: Job) -> BankFacts:
        """What the bank of a job says. Most jobs of a collection have the same one; a few of its versions are kept."""
        key = (job.bank, job.bank_id, job.preset)
        if key not in self._known_facts:
            self._known_facts = dict(list(self._known_facts.items())[-7:]) | {key: bank_facts(self._banks, job)}
        return self._known_facts[key]

    def _job(self, job_id: str) -> Job | None:
        try:
            return self._ledger.find(job_id)
        except NotFound:
            return None

    def _class_names(self, version: str) -> ClassNames:
        return class_names(self._banks, version)


def _with_review(result: ShownItem, earlier: ShownItem) -> ShownItem:
    """A result with what people said of an earlier one."""
    said: Any = {**result, **{name: value for name, value in earlier.items() if name in _SAID}}
    return said  # type: ignore[no-any-return]


def as_json(results: CollectionResults, file: FileResult) -> dict[str, Any]:
    """A file and its latest result, as the API says it."""
    return {
        "path": file.shown_path,
        "state": "present" if file.gone is None else "gone",
        "size": file.size,
        "changed": file.changed,
        "first_seen": file.first_seen,
        "gone": file.gone,
        "sha256": file.sha256,
        "job": file.job if results.job(file.job) else None,
        "index": file.index,
        "truth": file.truth,
        "result": file.result,
    }
