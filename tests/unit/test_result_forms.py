"""Forms of a result that outside scripts, older ledgers and older files rely on: held byte for byte."""

from __future__ import annotations

import io
import json
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from pyarrow import parquet

from shared.core.settings import Settings
from shared.jobs import fields
from shared.jobs.export import stream
from shared.jobs.export.columns import COLUMNS, NAMES
from shared.jobs.ledger.wire import pack_results, unpack_results
from shared.jobs.model import ItemResult, Job, JobState, Lane
from shared.jobs.projection import open_projection
from shared.jobs.projection_schema import STEPS
from shared.jobs.result_rows import public
from shared.ranking.model import Candidate, Ranking, Verdict
from web.app import create_app

RANKING = Ranking(
    Verdict.LABEL,
    "真丝",
    0.912345,
    0.5,
    (
        Candidate("真丝", 0.987654, "s1"),
        Candidate("satin", 0.5),
        Candidate("twill", 0.25, "s3"),
        Candidate("felt", 0.1),
    ),
)
RESULTS = [
    ItemResult(0, "a.jpg", 0, "ff", True, RANKING),
    ItemResult(1, "=b.jpg", 2, None, error_code="too_many_pixels", error_detail={"pixels": 200000000}),
    ItemResult(
        2, "c.jpg", 0, "fe", False, Ranking(Verdict.NOT_IN_BANK, "felt", 0.25, 0.125, (Candidate("felt", 0.5),))
    ),
    ItemResult(3, "d.jpg", 0, "fd", error_code="truncated"),
]
#: What a projection of the second version holds of them.
FILE = """
INSERT INTO items VALUES (0, 'a.jpg', 0, 'ff', 'ok', 1, 'label', '真丝', 0.9123, 0.5,
  '[["真丝", 0.9877, "s1"], ["satin", 0.5, null], ["twill", 0.25, "s3"], ["felt", 0.1, null]]', NULL, '{}');
INSERT INTO items VALUES (1, '=b.jpg', 2, NULL, 'failed', 0, NULL, NULL, NULL, NULL, '[]', 'too_many_pixels',
  '{"pixels": 200000000}');
INSERT INTO items VALUES (2, 'c.jpg', 0, 'fe', 'ok', 0, 'not_in_bank', 'felt', 0.25, 0.125, '[["felt", 0.5, null]]',
  NULL, '{}');
INSERT INTO items VALUES (3, 'd.jpg', 0, 'fd', 'failed', 0, NULL, NULL, NULL, NULL, '[]', 'truncated', '{}');
INSERT INTO corrections VALUES (2, 'satin', 1.0);
PRAGMA user_version = 2;
"""
JOB = Job(
    **{"id": "1m8mcpqtb3rj2", "name": "forms", "kind": "upload", "state": JobState.FINISHED, "lane": Lane.BULK},
    **{"preset": "standard", "model": "m", "bank": "b1", "identity": "feed", "total": 4, "listed": True, "ok": 2},
    **{"failed": 2, "duplicates": 0, "cached": 1, "created": 1.0},
)
#: Fields that have come since these forms were first held.
EXTRA = {f.name for f in fields.EXTRA} | {"review", "final_label", "reviewed_at", "reviewed_by"}
#: What the exports and the JSON of these results were when they were first held.
HELD = json.loads(Path(__file__).with_name("result_forms.json").read_text("utf-8"))


def text(packed: bytes) -> str:
    return zlib.decompress(packed).decode()


@pytest.fixture
def older(settings: Settings) -> Settings:
    """A data folder with a projection of the second version."""
    settings.jobs_dir.mkdir(parents=True)
    with closing(sqlite3.connect(settings.jobs_dir / f"{JOB.id}.sqlite")) as database:
        for step in STEPS[:2]:
            database.executescript(";".join(step))
        database.executescript(FILE)
    return settings


def exported(settings: Settings, format: str) -> bytes:
    with closing(open_projection(settings, JOB.id)) as projection:
        return b"".join(stream(JOB, projection, format, "en"))


def without_extra(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fields that were declared since come on top; everything else stays as it was, in its order."""
    return [{name: value for name, value in row.items() if name not in EXTRA} for row in rows]


def test_rows_of_the_ledger() -> None:
    """As workers of the first release wrote them; read, and written again, nothing changes."""
    wire = HELD["wire"]
    assert text(pack_results(RESULTS)) == wire
    found = unpack_results(zlib.compress(wire.encode()))
    assert text(pack_results(found)) == wire
    assert [(r.index, r.ok, r.cached, r.error_detail) for r in found] == [
        (0, True, True, {}),
        (1, False, False, {"pixels": 200000000}),
        (2, True, False, {}),
        (3, False, False, {}),
    ]
    assert found[0].ranking is not None
    assert found[0].ranking.candidates[1] == Candidate("satin", 0.5)


def test_json_of_api_and_command_line() -> None:
    shown = without_extra([public(r, "en") for r in unpack_results(zlib.compress(HELD["wire"].encode()))])
    assert json.dumps(shown) == json.dumps(HELD["public"])


def test_json_lines(older: Settings) -> None:
    lines = exported(older, "jsonl").decode().splitlines()
    kept = without_extra([json.loads(line) for line in lines])
    later = {column.name for column in COLUMNS if column.place > 100}
    kept = [{name: value for name, value in row.items() if name not in later} for row in kept]
    assert [json.dumps(row, ensure_ascii=False) for row in kept] == HELD["jsonl"]


def test_csv(older: Settings) -> None:
    lines = exported(older, "csv").decode().split("\r\n")
    more = len(NAMES) - len(HELD["rows"][0])
    assert all(line.startswith(held) for line, held in zip(lines, HELD["csv"], strict=True))
    assert [line[len(held) :].count(",") for line, held in zip(lines, HELD["csv"], strict=True)][:-1] == [more] * 5


def test_parquet(older: Settings) -> None:
    table = parquet.read_table(io.BytesIO(exported(older, "parquet")))
    assert table.schema.to_string().split("\n")[: len(HELD["parquet"])] == HELD["parquet"]
    assert table["class_2"].to_pylist() == ["satin", None, None, None]


def test_xlsx(older: Settings) -> None:
    sheet = load_workbook(io.BytesIO(exported(older, "xlsx"))).active
    assert sheet is not None
    count = len(HELD["rows"][0])
    assert [[cell.value for cell in row[:count]] for row in sheet.iter_rows()] == HELD["rows"]
    letters = [get_column_letter(n + 1) for n in range(count)]
    widths = [sheet.column_dimensions[letter].width for letter in letters]
    assert widths == pytest.approx(HELD["widths"], abs=1)


def test_the_schema_of_an_item(settings: Settings) -> None:
    app = create_app(settings)
    with app.app_context():
        spec: Any = app.spec
    schema = spec["components"]["schemas"]["ItemOut"]
    schema["properties"] = {k: v for k, v in schema["properties"].items() if k not in EXTRA}
    assert json.dumps(schema) == json.dumps(HELD["schema"])
