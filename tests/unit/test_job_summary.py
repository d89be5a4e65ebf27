"""A job on one page: classes by final label, six photos each, reviews, failures; 100,000 photos in seconds."""

from __future__ import annotations

import time
from contextlib import closing
from itertools import pairwise

import pytest

from shared.core.settings import Settings
from shared.jobs.job_summary import CLASSES, EACH, LEAST, PICTURED, summarise
from shared.jobs.projection import open_projection
from shared.jobs.reviews import Review, ReviewState
from tests.large_jobs import archived_job


def test_what_counts_is_the_final_label(settings: Settings) -> None:
    job = archived_job(settings, 100, "b1", classes=4)
    with closing(open_projection(settings, job.id)) as projection:
        before = summarise(projection)
        assert sum(entry.photos for entry in before.classes) == projection.summary()["verdicts"]["label"]
        # Photo 3 is unsure, and photo 0 recognised as stripe-0.
        projection.review(3, Review(label="velvet"))
        projection.review(0, Review(ReviewState.REJECTED))
        after = summarise(projection)
    classes = {entry.label: entry for entry in after.classes}
    assert (classes["velvet"].photos, classes["velvet"].reviewed) == (1, 1)
    assert [item["index"] for item in classes["velvet"].examples] == [3]
    assert classes["stripe-0"].photos == {e.label: e for e in before.classes}["stripe-0"].photos - 1
    assert after.reviews["corrected"] == after.reviews["rejected"] == 1
    assert after.failures == {"truncated": 2}
    assert after.open["unsure"] == before.open["unsure"] - 1
    assert 3 not in [item["index"] for item in after.least_certain]


@pytest.mark.slow
def test_a_hundred_thousand_photos_of_many_classes(settings: Settings) -> None:
    job = archived_job(settings, 100_000, "b1", classes=601)
    with closing(open_projection(settings, job.id)) as projection:
        begun = time.process_time()
        found = summarise(projection)
        took = time.process_time() - begun
    assert took < 8, took
    assert (len(found.classes), found.others) == (CLASSES, 601 - CLASSES)
    assert sum(bool(entry.examples) for entry in found.classes) == PICTURED
    # The number of pictures is bounded, whatever the job is like.
    assert len(list(found.photos())) <= PICTURED * EACH + LEAST
    assert all(entry.photos >= following.photos for entry, following in pairwise(found.classes))
    confidences = [item["confidence"] for item in found.least_certain]
    assert confidences == sorted(confidences)


def test_a_job_without_results(settings: Settings) -> None:
    with closing(open_projection(settings, "empty")) as projection:
        found = summarise(projection)
    assert (found.classes, found.least_certain, found.confidence) == ([], [], None)
