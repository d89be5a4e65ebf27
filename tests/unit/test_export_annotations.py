"""Exports for other programs of the trade: COCO, FiftyOne and Label Studio."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest

from shared.core.settings import Settings
from shared.jobs.export import BankFacts, file_name, stream
from shared.jobs.model import Job
from shared.jobs.projection import Projection, open_projection
from shared.jobs.result_filters import Filters
from shared.jobs.reviews import Review, ReviewState
from tests.large_jobs import archived_job


@pytest.fixture
def job(settings: Settings) -> Job:
    """Photos 0 to 2 are recognised, 3 unsure, 4 not in the bank, 49 failed; people corrected 3 and rejected 0."""
    made = archived_job(settings, 50, "b1")
    with closing(open_projection(settings, made.id)) as projection:
        projection.review(3, Review(label="velvet"))
        projection.review(0, Review(ReviewState.REJECTED))
        projection._db.execute("""UPDATE items SET extra = '{"size/1": [640, 480]}' WHERE idx = 1""")
    return made


def made(settings: Settings, job: Job, format: str, **options: Any) -> Any:
    def text(projection: Projection) -> bytes:
        return b"".join(stream(job, projection, format, "en", **options))

    with closing(open_projection(settings, job.id)) as projection:
        return json.loads(text(projection))


def test_coco(settings: Settings, job: Job) -> None:
    facts = BankFacts(names={"velvet": ("丝绒", "Velvet")})
    found = made(settings, job, "coco", facts=facts)
    assert [image["id"] for image in found["images"]] == list(range(50))
    category = {entry["id"]: entry for entry in found["categories"]}
    of = {one["image_id"]: one for one in found["annotations"]}
    assert not {0, 4, 49} & of.keys()
    assert category[of[3]["category_id"]]["name"] == "velvet"
    assert category[of[3]["category_id"]]["name_zh"] == "丝绒"
    assert (of[3]["attributes"], of[1]["attributes"]) == ({"reviewed": True}, {"reviewed": False})
    assert (of[1]["bbox"], of[1]["area"], found["images"][1]["width"]) == ([0, 0, 640, 480], 307200, 640)
    assert len({one["id"] for one in found["annotations"]}) == len(found["annotations"])


def test_fiftyone(settings: Settings, job: Job) -> None:
    labels = made(settings, job, "fiftyone")["labels"]
    assert len(labels) == 50
    assert labels["roll-003/DSC000003"]["label"] == "velvet"
    assert labels["roll-003/DSC000003"]["attributes"]["review"] == "corrected"
    assert labels["roll-000/DSC000000"] is labels["roll-004/DSC000004"] is labels["roll-049/DSC000049"] is None


def test_label_studio(settings: Settings, job: Job) -> None:
    tasks = made(settings, job, "label-studio", public_url="https://weft.example/")
    assert tasks[3]["data"]["image"] == f"https://weft.example/api/v1/jobs/{job.id}/items/3/photo"
    assert tasks[3]["annotations"][0]["result"][0]["value"] == {"choices": ["velvet"]}
    assert tasks[1]["predictions"][0]["result"][0]["value"] == {"choices": ["stripe-1"]}
    assert "annotations" not in tasks[1]
    assert tasks[0]["annotations"] == [{"result": [], "was_cancelled": True}]
    assert tasks[49]["predictions"] == []
    assert made(settings, job, "label-studio")[3]["data"]["image"] == "/data/local-files/?d=roll-003/DSC000003.jpg"


@pytest.mark.parametrize("format", ["coco", "fiftyone", "label-studio"])
def test_a_choice_without_photos_is_a_document_too(settings: Settings, job: Job, format: str) -> None:
    assert made(settings, job, format, filters=Filters(label="linen")) is not None
    assert file_name(job, format, False, "en") == f"large.{format}.json"
