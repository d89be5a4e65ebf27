"""A collection's report: what the last run found, classes, the least certain photos; page, file and command."""

from __future__ import annotations

import os
import re

import pytest
import requests

from shared.collections.collection import Rules
from tests.collections_harness import Site, write
from tests.product import Product


@pytest.fixture(scope="module")
def site(product: Product) -> Site:
    """Two runs: the second found one photo of each kind."""
    made = Site.make(product, "reported", rules=Rules(truth=True))
    for n in range(8):
        write(made.folder / "stripe-1" / f"{n}.jpg", f"reported {n}")
    made.run()
    made.review("stripe-1/0.jpg", "stripe-2")
    write(made.folder / "stripe-1" / "1.jpg", "another content")
    (made.folder / "stripe-1" / "2.jpg").unlink()
    (made.folder / "stripe-1" / "3.jpg").rename(made.folder / "moved.jpg")
    write(made.folder / "twin.jpg", "reported 4", age=7200)
    write(made.folder / "late.jpg", "late")
    broken = made.folder / "broken.jpg"
    broken.symlink_to("nothing.jpg")
    os.utime(broken, (1e9, 1e9), follow_symlinks=False)
    made.run()
    return made


def page(site: Site, lang: str) -> str:
    answer = requests.get(f"{site.product.url}/collections/{site.own.id}/report?lang={lang}", timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.text


def file(site: Site, lang: str) -> str:
    answer = requests.get(f"{site.product.url}/api/v1/collections/{site.own.id}/report.html?lang={lang}", timeout=60)
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["Content-Disposition"]
    return answer.text


@pytest.mark.parametrize("make", [page, file])
@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", ["Found by the last run", "3 new", "1 changed", "1 moved or renamed", "1 no longer there", "Accuracy"]),
        ("zh", ["上次运行的发现", "新增 3 张", "有改动：", "与其他照片内容相同："]),
    ],
)
def test_what_the_last_run_found(site: Site, make: object, lang: str, said: list[str]) -> None:
    text = make(site, lang)  # type: ignore[operator]
    for words in said:
        assert words in text, words
    for name in ("late.jpg", "twin.jpg", "stripe-1/1.jpg", "stripe-1/2.jpg", "broken.jpg"):
        assert name in text, name
    # Each of the least certain with its best classes.
    assert len(re.findall(r'<ol class="s-top">(?:<li>[^/]*</span></li>){4}', text)) >= 3


def test_the_counts_are_those_of_the_latest_results(site: Site) -> None:
    text = page(site, "en")
    facts = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", text))
    assert (facts["Photos"], facts["Classified"], facts["Failed"]) == ("10", "9", "1")
    assert facts["Corrected"] == "1"
    total = sum(int(count) for count in re.findall(r"<h3>[^<]+<small>(\d+)</small></h3>", text))
    opened = sum(int(count) for name, count in facts.items() if "not reviewed" in name)
    assert total + opened == 9


def test_the_file_needs_nothing_else(site: Site) -> None:
    text = file(site, "en")
    assert not re.search(r'(?:src|href)="(?!data:)', text)


def test_the_command_writes_the_same_file(site: Site) -> None:
    target = site.product.settings.data_dir / "report.html"
    done = site.product.weft("collection", "report", "reported", "-o", target)
    assert done.returncode == 0, done.stderr
    assert target.read_text("utf-8") == file(site, "en")


def test_a_runs_job_tells_what_the_run_found(site: Site) -> None:
    with site.collections.index(site.own.id) as index:
        job = index.runs.list(1)[0].job
    text = requests.get(f"{site.product.url}/jobs/{job}/summary?lang=en", timeout=60).text
    assert "Found by this run of the collection" in text
    assert "1 no longer there" in text


def test_copies_among_the_photos_of_the_last_run(product: Product) -> None:
    made = Site.make(product, "copied")
    write(made.folder / "old.jpg", "an old one")
    made.run()
    for name in ("first.jpg", "again.jpg"):
        write(made.folder / name, "the same twice")
    write(made.folder / "other.jpg", "another")
    made.run()
    text = page(made, "en")
    assert "Copies of one photo" in text
    assert "Among the photos of the last run" in text
    assert "2 photos in 1 groups" in text
    assert "上次运行的照片中" in page(made, "zh")
