"""What people are told of collections: on a job's page, in files, in refused forms, and without a dispatcher."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
import requests
from openpyxl import load_workbook
from pyarrow import parquet

from scripts.cli import main as cli
from scripts.supervisor import redis as embedded
from shared.collections.schedule import server_zone
from shared.collections.store import Collections, Wish
from shared.core.settings import Settings
from tests.bank_api import call
from tests.collections_harness import Site
from tests.product import Product


@pytest.fixture(scope="module")
def site(product: Product) -> Site:
    made = Site.make(product, "told", photos=4)
    made.run()
    made.review("0001.jpg", "stripe-2")
    return made


def test_a_job_names_its_collection(site: Site) -> None:
    product = site.product
    (run,) = call(product, "GET", f"/collections/{site.own.id}/runs")["runs"]
    assert call(product, "GET", f"/jobs/{run['job']}")["collection"] == site.own.id
    page = requests.get(f"{product.url}/jobs/{run['job']}", timeout=20).text
    assert f'<a href="/collections/{site.own.id}">told</a>' in page
    listed = product.weft("jobs", "--json")
    assert {job["id"]: job["collection"] for job in json.loads(listed.stdout)["jobs"]}[run["job"]] == site.own.id
    assert re.search(rf"{run['job']} .*\b{site.own.id}\b", product.weft("jobs").stdout)


def test_the_latest_results_as_workbook_and_parquet(site: Site) -> None:
    def exported(**query: str) -> io.BytesIO:
        address = f"{site.product.url}/api/v1/collections/{site.own.id}/export"
        answer = requests.get(address, params=query, timeout=60)
        assert answer.status_code == 200, answer.text
        return io.BytesIO(answer.content)

    table = parquet.read_table(exported(format="parquet")).to_pylist()
    assert [Path(row["path"]).name for row in table] == [f"{n:04}.jpg" for n in range(4)]
    assert table[1]["final_label"] == "stripe-2"
    assert isinstance(table[1]["confidence"], float)
    assert table[1]["first_seen"].tzinfo is not None
    book = load_workbook(exported(format="xlsx"))
    rows = list(book["Weft"].iter_rows(values_only=True))
    assert rows[0][:5] == ("path", "job", "first_seen", "truth", "index")
    assert [row[rows[0].index("final_label")] for row in rows[1:]][1] == "stripe-2"
    assert ("Photos", 4) in list(book["Summary"].iter_rows(values_only=True))
    worded = load_workbook(exported(format="xlsx", headings="words", lang="zh"))
    assert [cell.value for cell in worded["Weft"][1]][:2] == ["文件", "任务编号"]
    target = site.product.settings.data_dir / "told.xlsx"
    done = site.product.weft("collection", "export", site.own.id, "--format", "xlsx", "-o", str(target))
    assert done.returncode == 0, done.stderr
    assert len(list(load_workbook(target)["Weft"].rows)) == 5


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"depth": "many"}, "“子文件夹层数；留空表示全部”：请填整数。"),
        ({"depth": "2000"}, "不能大于 1000"),
        ({"exclude": "x" * 201}, "最多 200 个字符"),
        ({"priority": "first"}, "没有这个选项"),
    ],
)
def test_a_refused_form_speaks_the_visitors_language(site: Site, wrong: dict[str, str], words: str) -> None:
    with requests.Session() as visitor:
        address = f"{site.product.url}/collections"
        page = visitor.get(f"{address}?lang=zh", timeout=20).text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        form = {"csrf_token": token[1] if token else "", "folders": str(site.folder), "name": "x", **wrong}
        answer = visitor.post(address, data=form, timeout=20)
    assert answer.status_code == 400, answer.text
    alert = re.search(r'role="alert">([^<]+)<', answer.text)
    assert alert is not None
    assert words in alert[1]
    assert not re.search(r"[A-Za-z]{4}", alert[1])


def test_the_form_says_the_servers_time_zone(site: Site) -> None:
    page = requests.get(f"{site.product.url}/collections", timeout=20).text
    assert f"Times are those of the server ({server_zone()[0]}, it is " in page


def test_a_run_without_a_dispatcher_is_told_and_not_awaited(
    settings: Settings, redis_pair: embedded.Pair, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = settings.data_dir / "photos" / "some"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"a photo")
    own = Collections(settings).new(Wish(name="alone", folders=(str(folder),)))
    assert cli.run(["collection", "run", "alone", "--json", "--data-dir", str(settings.data_dir)]) == 1
    out, err = capfd.readouterr()
    assert json.loads(out)["state"] == "waiting"
    assert "The dispatcher is not running." in err
    with Collections(settings).index(own.id) as index:
        assert index.runs.active() is not None
