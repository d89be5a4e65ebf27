"""A whole collection on one page: its latest results, and what its last run found."""

from __future__ import annotations

import heapq
import os
from collections import Counter, defaultdict
from dataclasses import dataclass

from shared.collections.index import Index
from shared.collections.results import CollectionResults, FileResult
from shared.collections.runs import Run, RunState
from shared.core.names import path_name
from shared.jobs.export.columns import trained
from shared.jobs.folder_truth import FolderTruth, folder_truth
from shared.jobs.job_summary import CLASSES, EACH, LEAST, NAMED, PICTURED, RETAKEN, ClassSummary, JobSummary
from shared.jobs.result_filters import ANY_DEFECT
from shared.jobs.reviews import ReviewState
from shared.jobs.shown import ShownItem
from shared.ranking.model import Verdict

#: Files of each change that are named.
CHANGED = 5
#: Files that a run found: `kind` → the condition, with the run's job and when it began.
_FILES = {
    "new": "job = :job AND first_seen >= :began AND gone IS NULL",
    "changed": "job = :job AND first_seen < :began AND gone IS NULL",
    "gone": "gone >= :began",
    "duplicates": "job = :job AND gone IS NULL AND sha256 IS NOT NULL AND EXISTS (SELECT 1 FROM files AS other"
    " WHERE other.sha256 = files.sha256 AND other.gone IS NULL AND other.path < files.path)",
}


@dataclass(frozen=True, slots=True)
class Changes:
    """What a run found."""

    run: Run
    #: Kind (`new changed gone duplicates`) → a few of these files, by their paths from the collection's folder on.
    named: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class CollectionSummary:
    """Shown as a job's summary is: `total ok failed listed ended engine precision` are as those of a job."""

    total: int
    ok: int
    failed: int
    found: JobSummary
    #: The last run that was completed.
    changes: Changes | None
    #: False: no trained model is behind some of the answers.
    trained: bool | None
    listed: bool = True
    engine: str | None = None
    precision: str | None = None

    @property
    def ended(self) -> bool:
        """Whether every photo has an outcome."""
        return self.ok + self.failed == self.total


def last_changes(index: Index, parent: str) -> Changes | None:
    """What the last completed run found; `parent`: the collection's folder, from which paths are told."""
    run = next((one for one in index.runs.list(50) if one.state is RunState.DONE), None)
    if run is None:
        return None
    known = {"job": run.job, "began": run.began or run.asked, "limit": CHANGED}
    named = {}
    for kind, condition in _FILES.items():
        rows = index.db.execute(f"SELECT path FROM files WHERE {condition} ORDER BY path LIMIT :limit", known)
        named[kind] = [_short(row["path"], parent) for row in rows]
    return Changes(run, {kind: names for kind, names in named.items() if names})


def summarise(results: CollectionResults, index: Index, lang: str | None = None) -> CollectionSummary:
    """Reads every file's result once; takes some seconds for 100,000."""
    gathered = _Gathered(results, lang)
    parent = results.collection.parent
    for number, file in enumerate(results.all(lang)):
        gathered.add(number, file, parent)
    return CollectionSummary(
        total=gathered.total,
        ok=gathered.ok,
        failed=sum(gathered.failures.values()),
        found=gathered.summary(),
        changes=last_changes(index, parent),
        trained=gathered.trained(),
    )


class _Gathered:
    """Counts, and the few photos that are shown."""

    def __init__(self, results: CollectionResults, lang: str | None) -> None:
        self._results = results
        self.total = self.ok = 0
        self.failures: Counter[str] = Counter()
        self._sum = 0.0
        self._names: defaultdict[str, list[str]] = defaultdict(list)
        self._reviews: Counter[str] = Counter({state.value: 0 for state in ReviewState})
        self._open: Counter[str] = Counter()
        #: Label → (photos, sum of confidences, reviewed).
        self._classes: defaultdict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0])
        #: (confidence, order, photo) of those that are shown; of a class the most certain, of all the least.
        self._examples: defaultdict[str, list[tuple[float, int, ShownItem]]] = defaultdict(list)
        self._least: list[tuple[float, int, ShownItem]] = []
        self._truth: Counter[tuple[str, str, bool, str | None]] = Counter()
        self._jobs: set[str] = set()
        self._retakes: Counter[str] = Counter()
        self._retaken: list[ShownItem] = []

    def add(self, number: int, file: FileResult, parent: str) -> None:
        """A file with its result."""
        self.total += 1
        if file.result is None:
            return
        self._jobs.add(file.job)
        name = file.result["name"] if file.result.get("part") else _short(file.path, parent)
        item: ShownItem = {**file.result, "name": name}
        self._reviews[item["review"]] += 1
        if item["error"] is not None:
            code = item["error"]["code"]
            self.failures[code] += 1
            if len(self._names[code]) < NAMED:
                self._names[code].append(item["name"])
            return
        self.ok += 1
        self._examine(item)
        confidence = item["confidence"] or 0.0
        self._sum += confidence
        label, todo = item["final_label"], item["review"] == ReviewState.TODO
        if label is not None:
            counts = self._classes[label]
            counts[0], counts[1], counts[2] = counts[0] + 1, counts[1] + confidence, counts[2] + (not todo)
            _keep(self._examples[label], (confidence, -number, item), EACH)
        elif todo:
            self._open[item["verdict"] or ""] += 1
        if todo:
            _keep(self._least, (-confidence, -number, item), LEAST)
        if file.truth is not None:
            group: dict[str, str] = item.get("parent") or {}  # type: ignore[assignment]
            definite = item["verdict"] == Verdict.LABEL
            self._truth[file.truth, item["label"] or "", definite, group.get("label")] += 1

    def _examine(self, item: ShownItem) -> None:
        """Whether it should be taken again."""
        defects: list[dict[str, str]] = item.get("quality") or []  # type: ignore[assignment]
        if defects:
            self._retakes.update([ANY_DEFECT, *(defect["code"] for defect in defects)])
            if len(self._retaken) < RETAKEN:
                self._retaken.append(item)

    def summary(self) -> JobSummary:
        """What is shown."""
        ordered = sorted(self._classes.items(), key=lambda one: (-one[1][0], one[0]))
        classes = [
            ClassSummary(
                label=label,
                photos=int(photos),
                confidence=total / photos,
                reviewed=int(reviewed),
                examples=_sorted(self._examples[label]) if place < PICTURED else [],
            )
            for place, (label, (photos, total, reviewed)) in enumerate(ordered[:CLASSES])
        ]
        return JobSummary(
            classes=classes,
            others=len(ordered[CLASSES:]),
            open=dict(self._open),
            failures=dict(self.failures.most_common()),
            failed_names=dict(self._names),
            reviews=dict(self._reviews),
            confidence=self._sum / self.ok if self.ok else None,
            least_certain=_sorted(self._least),
            truth=self._of_folders(),
            retakes=dict(self._retakes.most_common()),
            retaken=self._retaken,
        )

    def trained(self) -> bool | None:
        """As `columns.trained` of the jobs: False where it is of one of them."""
        found = {trained(job, self._results.facts(job)) for name in self._jobs if (job := self._results.job(name))}
        return False if False in found else True if True in found else None

    def _of_folders(self) -> FolderTruth | None:
        """By the bank of the last job; its classes' names count, too."""
        job = next((job for name in sorted(self._jobs, reverse=True) if (job := self._results.job(name))), None)
        if job is None or not self._truth:
            return None
        rows = ((*told, count) for told, count in self._truth.items())
        names = self._results.names(job.bank)
        return folder_truth(rows, names.resolve, names.parent_of)


def _keep(heap: list[tuple[float, int, ShownItem]], entry: tuple[float, int, ShownItem], most: int) -> None:
    """The largest entries; no two have the same order."""
    if len(heap) < most:
        heapq.heappush(heap, entry)
    else:
        heapq.heappushpop(heap, entry)


def _sorted(heap: list[tuple[float, int, ShownItem]]) -> list[ShownItem]:
    return [item for *_, item in sorted(heap, key=lambda entry: entry[:2], reverse=True)]


def _short(path: bytes, parent: str) -> str:
    return path_name(os.fsdecode(path)[len(parent.rstrip("/")) + 1 :])
