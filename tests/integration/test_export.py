"""Exports: what a spreadsheet and a program get."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from PIL import Image
from pyarrow import parquet

from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.jobs.export import Words, columnar, stream, workbook
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.claims import Claims
from shared.jobs.model import Item, Job, Lane
from shared.jobs.projection import caught_up
from shared.jobs.result_filters import Filters
from tests.ledger_harness import LedgerHarness, answer, failure, spec

NAMES = ["布料/真丝.jpg", "=HYPERLINK(1).jpg", "+1.jpg", "-1.jpg", "@x.jpg", 'quo"te,comma\n.jpg', "plain.jpg"]


@pytest.fixture
def job(harness: LedgerHarness) -> Job:
    items = [Item(i, name, sha256=f"{i:02x}") for i, name in enumerate(NAMES)]
    made = harness.ledger.submit(spec("names", Lane.INTERACTIVE), items)
    claim = harness.worker().claim(Lane.INTERACTIVE)
    assert claim is not None
    results = [failure(i) if i.index == 6 else answer(i) for i in claim.items]
    harness.worker().commit(claim, results, b"", final=True)
    return harness.check(made)


def exported(settings: Settings, ledger: Ledger, job: Job, format: str) -> bytes:
    with caught_up(settings, ledger, job.id) as projection:
        return b"".join(stream(job, projection, format))


def own(settings: Settings, folder: Path) -> Settings:
    return settings.model_copy(update={"data_dir": folder})


@pytest.mark.parametrize(("engine", "named"), [("null", "null (engine without a model)"), ("openvino", "m"), ("", "m")])
def test_an_engine_without_a_model_is_named_in_its_stead(
    engine: str, named: str, harness: LedgerHarness, ledger_settings: Settings, tmp_path: Path
) -> None:
    made = harness.ledger.submit(spec("by engine", Lane.INTERACTIVE), [Item(0, "a.jpg", sha256="00")])
    harness.drain(harness.worker(engine=engine), Lane.INTERACTIVE)
    job = harness.check(made)
    assert job.engine == (engine or None)
    settings = own(ledger_settings, tmp_path)
    (row,) = [json.loads(line) for line in exported(settings, harness.ledger, job, "jsonl").splitlines()]
    table = exported(settings, harness.ledger, job, "csv").decode("utf-8-sig")
    assert row["model"] == next(csv.DictReader(io.StringIO(table, newline="")))["model"] == named


def test_engine_is_that_of_the_first_claim_and_every_precision_is_named(harness: LedgerHarness) -> None:
    made = harness.ledger.submit(spec("precise", Lane.INTERACTIVE), [Item(0, "a.jpg", sha256="00")])
    first = Claims(harness.ledger.connection, "w1", made.identity, 30, "openvino", "int8")
    claim = first.claim(Lane.INTERACTIVE)
    assert claim is not None
    assert first.commit(claim, [failure(claim.items[0])], b"", final=True)
    harness.ledger.retry(made.id)
    harness.admit(made)
    second = Claims(harness.ledger.connection, "w2", made.identity, 30, "torch", "f32")
    for _ in range(2):
        again = second.claim(Lane.INTERACTIVE)
        assert again is not None
        second.release(again)
    job = harness.ledger.job(made.id)
    assert (job.engine, job.precision) == ("openvino", "int8 + f32")


def test_csv_opens_in_a_spreadsheet(
    harness: LedgerHarness, job: Job, ledger_settings: Settings, tmp_path: Path
) -> None:
    raw = exported(own(ledger_settings, tmp_path), harness.ledger, job, "csv")
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert [r["name"] for r in rows] == [("'" + n if n[0] in "=+-@" else n) for n in NAMES]
    assert rows[0]["label"] == "class-0"
    assert (rows[0]["class_1"], rows[0]["sample_1"], rows[0]["class_2"]) == ("class", "s", "")
    assert (rows[6]["status"], rows[6]["error"], rows[6]["label"]) == ("failed", "truncated", "")
    assert rows[6]["message"]
    assert {r["bank"] for r in rows} == {"b1"}


def test_jsonl_keeps_everything_as_it_is(
    harness: LedgerHarness, job: Job, ledger_settings: Settings, tmp_path: Path
) -> None:
    raw = exported(own(ledger_settings, tmp_path), harness.ledger, job, "jsonl")
    rows = [json.loads(line) for line in raw.splitlines()]
    assert [r["name"] for r in rows] == NAMES
    assert rows[0]["candidates"] == [{"label": "class", "score": 1.0, "sample": "s"}]
    assert rows[6]["error"]["code"] == "truncated"
    assert {r["model"] for r in rows} == {"m"}


def test_a_workbook_holds_names_as_names(
    harness: LedgerHarness, job: Job, ledger_settings: Settings, tmp_path: Path
) -> None:
    raw = exported(own(ledger_settings, tmp_path), harness.ledger, job, "xlsx")
    sheet = load_workbook(io.BytesIO(raw)).active
    assert sheet is not None
    head, *rows = sheet.iter_rows()
    columns = [cell.value for cell in head]
    names = [row[columns.index("name")] for row in rows]
    assert [cell.value for cell in names] == NAMES
    assert {cell.data_type for cell in names} == {"s"}
    assert rows[0][columns.index("confidence")].data_type == "n"
    assert rows[6][columns.index("error")].value == "truncated"
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("C2", f"A1:{get_column_letter(len(columns))}8")


def test_a_long_workbook_goes_on_on_the_next_sheet(
    harness: LedgerHarness, job: Job, ledger_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "SHEET_ROWS", 3)
    book = load_workbook(io.BytesIO(exported(own(ledger_settings, tmp_path), harness.ledger, job, "xlsx")))
    assert [sheet.max_row for sheet in book][:-1] == [4, 4, 2]
    assert book.sheetnames == ["Weft", "Weft 2", "Weft 3", "Summary"]


def test_a_workbook_sums_up_and_shows_photos(
    harness: LedgerHarness, job: Job, ledger_settings: Settings, tmp_path: Path
) -> None:
    """Without any result, the headings stand all the same."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 0, 0)).save(out, "JPEG")
    with caught_up(own(ledger_settings, tmp_path), harness.ledger, job.id) as projection:
        words = Words("zh", {"class-0": "牛仔布"})
        raw = b"".join(stream(job, projection, "xlsx", "zh", words=words, picture=lambda sha256: out.getvalue()))
        none = b"".join(stream(job, projection, "xlsx", filters=Filters(label="class-9")))
    book = load_workbook(io.BytesIO(raw))
    first: Any = book.worksheets[0]
    assert [picture.anchor._from.row for picture in first._images] == [1, 2, 3, 4, 5, 6, 7]
    assert (first["A1"].value, first["B1"].value) == ("缩略图", "序号")
    summary = {row[0].value: row[1].value for row in book.worksheets[-1].iter_rows()}
    assert (summary["照片"], summary["失败"], summary["牛仔布"]) == (7, 1, 2)
    assert summary["任务编号"] == job.id
    empty = load_workbook(io.BytesIO(none)).worksheets[0]
    assert [cell.value for cell in next(empty.iter_rows())][:2] == ["index", "name"]


def test_parquet_has_types(
    harness: LedgerHarness, job: Job, ledger_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columnar, "GROUP_ROWS", 4)
    raw = exported(own(ledger_settings, tmp_path), harness.ledger, job, "parquet")
    table = parquet.read_table(io.BytesIO(raw))
    assert table["name"].to_pylist() == NAMES
    assert table["index"].to_pylist() == list(range(7))
    assert str(table.schema.field("confidence").type) == "float"
    assert table["label"].null_count == 1
    assert parquet.ParquetFile(io.BytesIO(raw)).num_row_groups == 2


def test_another_format_is_refused(harness: LedgerHarness, job: Job, ledger_settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as refused:
        exported(own(ledger_settings, tmp_path), harness.ledger, job, "doc")
    assert refused.value.code == "unknown_format"
