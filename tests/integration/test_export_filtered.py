"""Exports of a choice: the filters of the items, in every format, on API, page and command line."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from openpyxl import load_workbook
from pyarrow import parquet

from scripts.cli import main as cli
from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.curation.folder import Names
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job, Lane
from tests.banks import INFO, by_label, clustered, make_bank
from tests.ledger_harness import LedgerHarness, photos, spec
from web.app import create_app


def submit(settings: Settings, count: int, lane: Lane, bad: tuple[int, ...] = (), chunks: int | None = None) -> Job:
    """A job that is worked off, or of which so many chunks are."""
    harness = LedgerHarness(Ledger.connect(settings))
    version = make_bank(settings, {f"class-{n}": r for n, r in enumerate(by_label(clustered(3)).values())}, names=NAMES)
    wish = replace(spec("回货", lane, kind="upload"), bank=version, identity=INFO.identity)
    made = harness.ledger.submit(wish, photos(count))
    worker = harness.worker(identity=INFO.identity)
    if chunks is None:
        harness.drain(worker, lane, bad)
    else:
        harness.admit(made, chunks)
        for _ in range(chunks):
            claim = worker.claim(lane)
            assert claim is not None
            harness.finish(worker, claim)
    return harness.ledger.job(made.id)


NAMES = Names(labels={"class-0": "牛仔布"})


@pytest.fixture
def job(settings: Settings, redis_pair: embedded.Pair) -> Job:
    return submit(settings, 6, Lane.INTERACTIVE, bad=(5,))


@pytest.fixture
def client(settings: Settings, job: Job) -> Iterator[FlaskClient]:
    with create_app(settings).test_client() as found:
        yield found


def indexes(raw: bytes, format: str) -> list[int]:
    if format == "csv":
        return [int(row["index"]) for row in csv.DictReader(io.StringIO(raw.decode("utf-8-sig")))]
    if format == "jsonl":
        return [json.loads(line)["index"] for line in raw.splitlines()]
    if format == "xlsx":
        sheet: Any = load_workbook(io.BytesIO(raw)).active
        return [row[0].value for row in list(sheet.iter_rows())[1:]]
    found: list[int] = parquet.read_table(io.BytesIO(raw))["index"].to_pylist()
    return found


@pytest.mark.parametrize("format", ["csv", "jsonl", "xlsx", "parquet"])
def test_every_format_holds_what_the_filters_let_through(client: FlaskClient, job: Job, format: str) -> None:
    for wish, expected in (
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"label": "牛仔布"}, [0, 3]),
        ({"status": "failed"}, [5]),
        ({"verdict": "unsure"}, []),
        ({"verdict": "label", "label": "class-1"}, [1, 4]),
        ({"max_confidence": "0.5"}, []),
        ({"code": "truncated"}, [5]),
    ):
        answer = client.get(f"/api/v1/jobs/{job.id}/export", query_string={"format": format, **wish})
        assert indexes(answer.get_data(), format) == expected, wish
        named = "%E5%B7%B2%E7%AD%9B%E9%80%89" if wish else "%E5%9B%9E%E8%B4%A7." + format
        answer = client.get(f"/api/v1/jobs/{job.id}/export", query_string={"format": format, "lang": "zh", **wish})
        assert named in answer.headers["Content-Disposition"]
        assert ("filtered" in answer.headers["Content-Disposition"]) == bool(wish)
    wrong = client.get(f"/api/v1/jobs/{job.id}/export", query_string={"format": format, "verdict": "perhaps"})
    assert wrong.status_code == 400


def test_the_links_of_the_page_carry_its_filter(client: FlaskClient, job: Job) -> None:
    def links(address: str) -> list[str]:
        page = client.get(address, headers={"HX-Request": "true"}).get_data(as_text=True)
        found = re.findall(r'href="(/api/v1/jobs/[^"]+/export[^"]+)" download', page)
        assert len(found) == 8, address
        return [link.replace("&amp;", "&") for link in found]

    for address in (f"/jobs/{job.id}", f"/jobs/{job.id}/results"):
        assert indexes(client.get(links(f"{address}?view=failed")[0]).get_data(), "csv") == [5]
        assert indexes(client.get(links(f"{address}?view=label&label=class-1")[0]).get_data(), "csv") == [1, 4]
        assert indexes(client.get(links(f"{address}?label=牛仔布&sort=confidence")[0]).get_data(), "csv") == [0, 3]
        assert links(address)[0].endswith("export?format=csv")


def test_the_command_line_filters_alike(
    settings: Settings, job: Job, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def export(*options: str, code: int = 0) -> str:
        line = ["export", job.id, "--format", "jsonl", *options, "--data-dir", str(settings.data_dir)]
        assert cli.run(line) == code
        return capfd.readouterr().out

    assert indexes(export("--label", "牛仔布").encode(), "jsonl") == [0, 3]
    assert indexes(export("--status", "failed").encode(), "jsonl") == [5]
    assert indexes(export("--verdict", "label", "--max-confidence", "0.95").encode(), "jsonl") == [0, 1, 2, 3, 4]
    told = json.loads(export("--label", "class-1", "-o", str(tmp_path / "x.jsonl"), "--json"))
    assert (told["items"], told["filters"], told["partial"]) == (2, {"label": "class-1"}, False)
    refused = json.loads(export("--label", "牛仔", "--json", "-o", "x", code=1))["error"]
    assert refused["code"] == "unknown_class"
    # A filter makes no class.
    assert "new_class" not in refused["message"]


def test_half_a_job_says_so(settings: Settings, redis_pair: embedded.Pair, capfd: pytest.CaptureFixture[str]) -> None:
    half = submit(settings, 40, Lane.BULK, chunks=1)
    assert 0 < half.done < 40
    answer = create_app(settings).test_client().get(f"/api/v1/jobs/{half.id}/export?format=jsonl")
    assert f"{half.done}_of_40_so_far" in answer.headers["Content-Disposition"]
    assert cli.run(["export", half.id, "--format", "jsonl", "--data-dir", str(settings.data_dir)]) == 0
    printed = capfd.readouterr()
    assert len(printed.out.splitlines()) == half.done
    assert f"{half.done} of 40" in printed.err
