"""A job on one page: classes with a few photos each, how certain the answers are, and what failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.jobs.folder_truth import FolderTruth, folder_truth
from shared.jobs.projection_results import Results
from shared.jobs.result_filters import ANY_DEFECT, Filters
from shared.jobs.reviews import ReviewState
from shared.jobs.shown import ShownItem

#: Classes that are listed, the largest first; those of them that are shown with photos; photos of each; and the photos
#: that are least certain.
CLASSES, PICTURED, EACH, LEAST = 300, 60, 6, 12
#: Failed photos that are named, of each reason.
NAMED = 3
#: Photos to be taken again that are named.
RETAKEN = 300


@dataclass(frozen=True, slots=True)
class ClassSummary:
    label: str
    photos: int
    #: Mean confidence (0…1) of the first class of these photos.
    confidence: float
    #: How many of them people have reviewed.
    reviewed: int
    #: Some of them, the most certain first.
    examples: list[ShownItem]


@dataclass(frozen=True, slots=True)
class JobSummary:
    #: By final label, the largest first: a person's class, or else that of a photo with a definite result.
    classes: list[ClassSummary]
    #: Classes that are not listed.
    others: int
    #: Photos of each verdict that have no final label, because nobody has reviewed them.
    open: dict[str, int]
    #: Photos that failed, by code.
    failures: dict[str, int]
    #: Names of a few of them, by code.
    failed_names: dict[str, list[str]]
    #: Photos by `ReviewState`.
    reviews: dict[str, int]
    #: Mean confidence of all photos with a result; None without any.
    confidence: float | None
    #: Photos that nobody has reviewed, the least certain first.
    least_certain: list[ShownItem]
    #: Where photos lie in folders that are named after classes; else None.
    truth: FolderTruth | None
    #: How many photos should be taken again, as `Results.defects`; and the first of them.
    retakes: dict[str, int] = field(default_factory=dict)
    retaken: list[ShownItem] = field(default_factory=list)

    def photos(self) -> Iterable[ShownItem]:
        """All photos that are shown."""
        for entry in self.classes:
            yield from entry.examples
        yield from self.least_certain


def summarise(results: Results, lang: str | None = None) -> JobSummary:
    """Counts all outcomes of a job; takes about a second for 100,000."""
    counts = results.counts.class_counts()
    listed, others = counts[:CLASSES], counts[CLASSES:]
    chosen = results.counts.class_examples({label for label, *_ in listed[:PICTURED]}, EACH)
    shown = {item["index"]: item for item in results.at([i for found in chosen.values() for i in found], lang)}
    classes = [
        ClassSummary(label, photos, confidence, reviewed, [shown[index] for index in chosen.get(label, ())])
        for label, photos, confidence, reviewed in listed
    ]
    least, _ = results.items(Filters(status="ok", review=ReviewState.TODO), "confidence", limit=LEAST, lang=lang)
    summary = results.summary()
    retakes = results.defects()
    retaken = results.items(Filters(quality=ANY_DEFECT), limit=RETAKEN, lang=lang)[0] if retakes else []
    return JobSummary(
        classes=classes,
        others=len(others),
        open={verdict: photos for verdict, photos in summary["todo"].items() if verdict != "label" and photos},
        failures=results.counts.failures(),
        failed_names=results.counts.failed_names(NAMED),
        reviews=summary["reviews"],
        confidence=results.counts.mean_confidence(),
        least_certain=least,
        truth=folder_truth(results.counts.by_folder(), results.reviews.meaning, results.reviews.parent_of),
        retakes=retakes,
        retaken=retaken,
    )
