"""Jobs renamed, searched, archived, classified once more and compared, over HTTP and on the command line."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import pytest
import requests
from PIL import Image

from tests.product import Product, eventually


def photo(seed: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (40, 40), (seed % 256, seed // 256 % 256, 31)).save(data, "PNG")
    return data.getvalue()


class Site:
    def __init__(self, product: Product) -> None:
        self.product = product
        self.root = f"{product.url}/api/v1"

    def call(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        answer = requests.request(method, self.root + path, timeout=60, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def submit(self, names: dict[str, bytes], **fields: str) -> str:
        files = [("files", (name, data)) for name, data in names.items()]
        job: str = self.call("POST", "/jobs", 202, files=files, data=fields)["id"]
        self.wait(job)
        return job

    def wait(self, job: str) -> dict[str, Any]:
        eventually(lambda: self.call("GET", f"/jobs/{job}")["state"] == "finished", what=f"the end of {job}")
        found: dict[str, Any] = self.call("GET", f"/jobs/{job}")
        return found

    def ids(self, **query: str) -> list[str]:
        return [job["id"] for job in self.call("GET", "/jobs", params=query)["jobs"]]

    def folder(self, name: str, count: int, first: int) -> str:
        target = self.product.photos / name
        target.mkdir(parents=True, exist_ok=True)
        for n in range(count):
            (target / f"{n}.png").write_bytes(photo(first + n))
        job: str = self.call("POST", "/jobs/folder", 202, json={"path": name})["id"]
        self.wait(job)
        return job

    def archive(self, job: str) -> None:
        """As a person does: its results may be read by the dispatcher at this moment."""
        assert self.call("POST", f"/jobs/{job}/archive")["archived"]


@pytest.fixture
def site(product: Product) -> Site:
    return Site(product)


def test_a_job_gets_another_name_also_when_it_is_archived(site: Site) -> None:
    job = site.submit({"a.png": photo(9001)}, name="Old name")
    assert site.call("PATCH", f"/jobs/{job}", json={"name": "  Nanjing, 秋  "})["name"] == "Nanjing, 秋"
    site.archive(job)
    assert site.call("PATCH", f"/jobs/{job}", json={"name": "Second"})["name"] == "Second"
    assert site.call("GET", f"/jobs/{job}")["name"] == "Second"
    refused = site.call("PATCH", f"/jobs/{job}", 409, json={"priority": "high"})
    assert refused["code"] == "job_archived"
    assert site.call("PATCH", f"/jobs/{job}", 400, json={"name": "\u200b"})["code"] == "name_empty"
    assert site.call("PATCH", f"/jobs/{job}", 400, json={})["code"] == "invalid_request"


def test_jobs_are_found_by_words_of_name_and_folder_in_the_list_and_in_the_archive(site: Site) -> None:
    mark = f"mark{time.time_ns()}"
    kept = site.submit({"a.png": photo(9002)}, name=f"Blue {mark} Samples")
    put = site.submit({"b.png": photo(9003)}, name=f"Red {mark} samples")
    folder = site.folder(f"{mark}-folder", 1, 9004)
    site.archive(put)
    assert set(site.ids(search=mark)) == {kept, put, folder}
    assert set(site.ids(search=f"SAMPLES {mark.upper()}")) == {kept, put}
    assert site.ids(search=mark, archived="true") == [put]
    assert set(site.ids(search=mark, archived="false")) == {kept, folder}
    assert site.ids(search=f"{mark} nothing") == []
    told = site.product.weft("jobs", "--search", mark, "--archived", "--json")
    assert [job["id"] for job in json.loads(told.stdout)["jobs"]] == [put]


def test_only_an_ended_job_is_archived(site: Site) -> None:
    later = {"not_before": time.time() + 3600}
    waiting = site.call("POST", "/jobs/folder", 202, json={"path": site.product.photos.as_posix(), **later})["id"]
    assert site.call("POST", f"/jobs/{waiting}/archive", 409)["code"] == "job_not_ended"
    assert site.call("PATCH", f"/jobs/{waiting}", json={"priority": "high"})["priority"] == "high"
    site.call("POST", f"/jobs/{waiting}/cancel")
    site.archive(waiting)
    site.archive(waiting)


@pytest.mark.parametrize("archived", [False, True])
def test_the_same_photos_once_more_and_what_changed(site: Site, archived: bool) -> None:
    seeds = {f"{n}.png": photo(9100 + n + 20 * archived) for n in range(6)}
    first = site.submit({**seeds, "again.png": seeds["0.png"]}, name="Once", preset="realtime")
    if archived:
        site.archive(first)
    again = site.call("POST", f"/jobs/{first}/rerun", 202, json={"preset": "precise"})
    assert (again["repeats"], again["preset"], again["name"]) == (first, "precise", "Once")
    done = site.wait(again["id"])
    assert (done["total"], done["ok"], done["failed"]) == (7, 7, 0)
    # The vectors are in the cache: nothing is encoded again.
    assert done["cached"] == 7
    names = [item["name"] for item in site.call("GET", f"/jobs/{again['id']}/items")["items"]]
    assert names == [*seeds, "again.png"]
    found = site.call("GET", f"/jobs/{first}/compare/{again['id']}")
    assert sum(found["counts"].values()) == 7
    assert found["counts"]["only_first"] == found["counts"]["only_second"] == 0
    assert len(found["items"]) == found["changed"] == 7 - found["counts"]["same"]
    same = site.call("GET", f"/jobs/{first}/compare/{again['id']}", params={"change": "same"})["items"]
    assert all(pair["first"]["label"] == pair["second"]["label"] for pair in same)
    told = json.loads(site.product.weft("compare", first, again["id"], "--json").stdout)
    assert told["counts"] == found["counts"]


def test_a_folder_once_more_reads_the_same_files(site: Site) -> None:
    first = site.folder("again", 4, 9300)
    (site.product.photos / "again" / "new.png").write_bytes(photo(9399))
    answer = json.loads(site.product.weft("rerun", first, "--preset", "realtime", "--json").stdout)
    done = site.wait(answer["id"])
    assert (done["ok"], done["failed"], done["kind"], done["path"]) == (4, 0, "folder", answer["path"])
    site.archive(first)
    third = site.wait(site.call("POST", f"/jobs/{first}/rerun", 202, json={})["id"])
    assert (third["ok"], third["failed"], third["cached"]) == (4, 0, 4)


def test_another_run_with_an_unknown_bank_or_of_an_unknown_job(site: Site) -> None:
    job = site.submit({"a.png": photo(9400)})
    assert site.call("POST", f"/jobs/{job}/rerun", 404, json={"bank": "nowhere"})["code"] == "not_found"
    assert site.call("POST", "/jobs/nowhere/rerun", 404, json={})["code"] == "not_found"
    assert site.call("POST", f"/jobs/{job}/rerun", 400, json={"preset": "x"})["code"] == "unknown_preset"


def test_names_come_before_hashes_and_reviews_tell_who_is_right(site: Site) -> None:
    one = site.submit({"same.png": photo(9500), "moved.png": photo(9501), "gone.png": photo(9502)})
    two = site.submit({"same.png": photo(9503), "other-name.png": photo(9501), "new.png": photo(9504)})
    items = site.call("GET", f"/jobs/{one}/items")["items"]
    site.call("PATCH", f"/jobs/{one}/items/0", json={"label": items[0]["candidates"][0]["label"]})
    found = site.call("GET", f"/jobs/{one}/compare/{two}")
    assert (found["counts"]["only_first"], found["counts"]["only_second"]) == (1, 1)
    assert (found["reviewed"], found["first_right"]) == (1, 1)
    alone = site.call("GET", f"/jobs/{one}/compare/{two}", params={"change": "only_first"})["items"]
    assert [(pair["first"]["name"], pair["second"]) for pair in alone] == [("gone.png", None)]
    page = site.call("GET", f"/jobs/{one}/compare/{two}", params={"change": "only_second", "limit": 1})
    assert page["next"] is None
    assert site.call("GET", f"/jobs/{one}/compare/nowhere", 404)["code"] == "not_found"


def test_commands(site: Site) -> None:
    job = site.submit({"a.png": photo(9600)})
    weft = site.product.weft
    assert json.loads(weft("rename", job, "By command", "--json").stdout)["name"] == "By command"
    assert weft("priority", job, "high").returncode == 1
    assert json.loads(weft("archive", job, "--json").stdout)["archived"]
