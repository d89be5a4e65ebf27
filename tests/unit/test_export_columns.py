"""The columns of exports are a contract: none that was released changes its name, its place or its type."""

from __future__ import annotations

import io
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from shared.core.settings import Settings
from shared.jobs.export import BankFacts, stream
from shared.jobs.export.columns import DESCRIBED
from shared.jobs.export.headings import HEADINGS, Words
from shared.jobs.model import Job
from shared.jobs.projection import open_projection
from shared.jobs.reviews import Review
from tests.large_jobs import archived_job

#: In their order. A new column is added at the end, and nothing else here is ever edited.
TEXT = """
index:integer name:text status:text label:text verdict:text confidence:number margin:number corrected:text
class_1:text score_1:number sample_1:text class_2:text score_2:number sample_2:text class_3:text
score_3:number sample_3:text cached:flag error:text message:text sha256:text model:text bank:text preset:text
review:text final_label:text reviewed_at:number reviewed_by:text colour_1:text colour_hex_1:text
colour_share_1:number colour_2:text colour_hex_2:text colour_share_2:number colour_3:text colour_hex_3:text
colour_share_3:number notes:text camera:text taken:text width:integer height:integer colour_profile:text
orientation:integer owner:text class_4:text score_4:number sample_4:text class_5:text score_5:number
sample_5:text label_zh:text label_en:text final_label_zh:text final_label_en:text evidence:text engine:text
precision:text trained:flag calibrated:flag bank_id:text bank_name:text job_id:text job_name:text
job_created:time job_finished:time weft_version:text quality:text retake:text
views:text parent:text parent_name:text parent_confidence:number card_sha256:text card:text
"""
RELEASED = TEXT.split()
FACTS = BankFacts(
    "秋冬",
    {"stripe-0": ("条纹", "Stripe"), "velvet": ("丝绒", "")},
    {"s7": "silk/7.jpg"},
    calibrated=True,
    trained=True,
)


def test_released_columns_stay_as_they_are() -> None:
    assert [f"{one.column.name}:{one.column.kind.value}" for one in DESCRIBED][: len(RELEASED)] == RELEASED


def test_every_column_is_released() -> None:
    assert len(DESCRIBED) == len(RELEASED), "add new columns to RELEASED"


def test_every_column_has_a_meaning_and_a_heading() -> None:
    assert all(one.meaning for one in DESCRIBED)
    headings = Words("zh", {}).headings()
    assert len(set(headings)) == len(headings)
    assert all(HEADINGS.values())


@pytest.fixture
def job(settings: Settings) -> Job:
    return replace(archived_job(settings, 10, "b7"), engine="openvino", precision="int8", bank_id="autumn")


def exported(settings: Settings, job: Job, format: str, facts: BankFacts = FACTS) -> bytes:
    with closing(open_projection(settings, job.id)) as projection:
        if job.total > 1:
            projection.review(1, Review(label="velvet"))
        return b"".join(stream(job, projection, format, facts=facts))


def test_what_the_bank_and_the_job_say(settings: Settings, job: Job) -> None:
    table = parquet.read_table(io.BytesIO(exported(settings, job, "parquet"))).to_pylist()
    lines = [json.loads(line) for line in exported(settings, job, "jsonl").splitlines()]
    wanted: dict[str, Any] = {
        **{
            "label_zh": "条纹",
            "label_en": "Stripe",
            "final_label_zh": "条纹",
            "engine": "openvino",
            "precision": "int8",
        },
        **{"trained": True, "calibrated": True, "bank_id": "autumn"},
        **{"bank_name": "秋冬", "job_id": job.id},
        **{"job_name": job.name, "bank": "b7"},
    }
    for row in (table[0], lines[0]):
        assert {name: row[name] for name in wanted} == wanted
    assert (table[1]["final_label"], table[1]["final_label_zh"], table[1]["final_label_en"]) == ("velvet", "丝绒", None)
    assert table[0]["job_created"].timestamp() == pytest.approx(job.created, abs=0.001)
    assert lines[0]["job_created"].endswith("Z")
    assert table[0]["weft_version"]


def test_an_engine_without_a_model_is_told(settings: Settings, job: Job) -> None:
    for engine, facts, trained, calibrated in (
        ("null", FACTS, False, True),
        ("torch", replace(FACTS, trained=False, calibrated=False), False, False),
        (None, BankFacts(), None, None),
    ):
        raw = exported(settings, replace(job, engine=engine), "parquet", facts)
        row = parquet.read_table(io.BytesIO(raw)).to_pylist()[0]
        assert (row["trained"], row["calibrated"]) == (trained, calibrated)


def test_evidence_is_the_samples_name(settings: Settings, tmp_path: Path) -> None:
    job = archived_job(settings, 1, "b1", name="evidence")
    with closing(open_projection(settings, job.id)) as projection:
        projection._db.execute("""UPDATE items SET candidates = '[["silk", 0.9, "s7"], ["felt", 0.8, "s8"]]'""")
    assert json.loads(exported(settings, job, "jsonl"))["evidence"] == "silk/7.jpg"
    assert json.loads(exported(settings, job, "jsonl", BankFacts()))["evidence"] == "s7"
