"""Which photos of a job, or of a collection, should be taken again: counted, filtered, listed."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from shared.collections.results import FileResult
from shared.collections.summary import _Gathered
from shared.core.settings import Settings
from shared.jobs.job_summary import RETAKEN, summarise
from shared.jobs.projection import Projection, open_projection
from shared.jobs.result_filters import Filters
from shared.jobs.shown import ShownItem
from tests.large_jobs import archived_job

#: Of every ten photos: one dark, one blurred and dark, one that was not examined, the others good.
MARK = (
    "UPDATE items SET extra = json_set(extra, '$.\"quality/1\"', json(CASE idx % 10 WHEN 3 THEN '[[\"dark\", false]]'"
    " WHEN 4 THEN '[[\"blurred\", true], [\"dark\", true]]' ELSE '[]' END)) WHERE extra IS NOT NULL AND idx % 10 != 5"
)
#: A photo whose measures no bank has judged.
UNJUDGED = "UPDATE items SET extra = json_set(extra, '$.\"quality/1\"', json('{\"light\": 3}')) WHERE idx = 6"


@pytest.fixture
def results(settings: Settings) -> Any:
    job = archived_job(settings, 1000, "b1")
    with closing(open_projection(settings, job.id)) as projection:
        projection._db.execute(MARK)
        projection._db.execute(UNJUDGED)
        yield projection


def test_counts_and_filters(results: Projection) -> None:
    assert results.defects() == {"any": 200, "dark": 200, "blurred": 100}
    assert results.facets()["quality"] == results.defects()
    for quality, count in (("any", 200), ("dark", 200), ("blurred", 100), ("glare", 0)):
        assert results.count(Filters(quality=quality)) == count
    assert not results.item(6)["quality"]  # type: ignore[typeddict-item]
    assert results.item(7)["quality"] == []  # type: ignore[typeddict-item]


def test_the_summary_lists_them(results: Projection) -> None:
    found = summarise(results, "zh")
    assert found.retakes["any"] == len(found.retaken) == 200 < RETAKEN
    assert "补光" in found.retaken[0]["quality"][0]["message"]  # type: ignore[typeddict-item]


def test_a_collections_report_counts_the_same(results: Projection) -> None:
    gathered = _Gathered(None, "en")  # type: ignore[arg-type]
    for number in range(100):
        item: ShownItem = results.item(number, "en")
        file = FileResult(b"/a/%d.jpg" % number, 1, 0.0, 0.0, None, "job", number, None, item, None)
        gathered.add(number, file, "/a")
    assert dict(gathered._retakes) == {"any": 20, "dark": 20, "blurred": 10}
    assert len(gathered._retaken) == 20


def test_earlier_results_have_none(settings: Settings) -> None:
    job = archived_job(settings, 100, "b1")
    with closing(open_projection(settings, job.id)) as projection:
        assert projection.defects() == {}
        found = summarise(projection)
        assert (found.retakes, found.retaken) == ({}, [])
        assert projection.item(0)["quality"] is None  # type: ignore[typeddict-item]
