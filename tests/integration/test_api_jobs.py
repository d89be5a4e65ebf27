"""Jobs over HTTP on the running product: submitted, followed, listed, corrected, exported, steered."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests
from PIL import Image

from tests.product import Product, eventually

Files = list[tuple[str, tuple[str, bytes]]]


def photo(seed: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (48, 48), (seed % 256, seed // 256 % 256, 77)).save(data, "PNG")
    return data.getvalue()


def parts(**files: bytes) -> Files:
    return [("files", (name, data)) for name, data in files.items()]


class Api:
    def __init__(self, product: Product) -> None:
        self.root = f"{product.url}/api/v1"

    def submit(self, files: Files, headers: dict[str, str] | None = None, **fields: str) -> requests.Response:
        return requests.post(f"{self.root}/jobs", files=files, data=fields, headers=headers, timeout=60)

    def get(self, path: str, **query: Any) -> Any:
        response = requests.get(f"{self.root}{path}", params=query, timeout=30)
        response.raise_for_status()
        return response.json()

    def post(self, path: str, **options: Any) -> requests.Response:
        return requests.post(f"{self.root}{path}", timeout=30, **options)

    def finished(self, job: str) -> dict[str, Any]:
        eventually(lambda: self.get(f"/jobs/{job}")["state"] == "finished", what=f"the end of job {job}")
        found: dict[str, Any] = self.get(f"/jobs/{job}")
        return found


@pytest.fixture
def api(product: Product) -> Api:
    return Api(product)


def test_photos_and_a_zip_become_ranked_items(api: Api) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for n in range(3):
            archive.writestr(f"roll/{n}.png", photo(100 + n))
    files = [
        *parts(**{"first.png": photo(1)}),
        ("files", ("more.zip", packed.getvalue())),
        *parts(**{"last.png": photo(2)}),
    ]
    response = api.submit(files, name="mixed", preset="realtime")
    assert response.status_code == 202
    job = response.json()
    assert (job["total"], job["name"], job["preset"]) == (5, "mixed", "realtime")

    done = api.finished(job["id"])
    assert (done["ok"], done["failed"], done["duplicates"]) == (5, 0, 0)
    items = api.get(f"/jobs/{job['id']}/items")["items"]
    assert [item["name"] for item in items] == ["first.png", "roll/0.png", "roll/1.png", "roll/2.png", "last.png"]
    for item in items:
        assert item["status"] == "ok"
        assert item["error"] is None
        assert item["candidates"][0]["label"] == item["label"]
        assert item["candidates"][0]["sample"]
        assert 0 <= item["confidence"] <= 1


def test_paging_and_filters(api: Api) -> None:
    job = api.submit(parts(**{f"{n}.png": photo(200 + n) for n in range(7)})).json()["id"]
    api.finished(job)
    first = api.get(f"/jobs/{job}/items", limit=3)
    second = api.get(f"/jobs/{job}/items", limit=3, cursor=first["next"])
    third = api.get(f"/jobs/{job}/items", limit=3, cursor=second["next"])
    items = first["items"] + second["items"] + third["items"]
    assert [item["index"] for item in items] == list(range(7))
    assert third["next"] is None

    by_doubt = api.get(f"/jobs/{job}/items", sort="confidence")["items"]
    assert [i["confidence"] for i in by_doubt] == sorted(i["confidence"] for i in items)
    label = items[0]["label"]
    alike = api.get(f"/jobs/{job}/items", label=label)["items"]
    assert [i["index"] for i in alike] == [i["index"] for i in items if i["label"] == label]
    bound = by_doubt[3]["confidence"]
    assert all(i["confidence"] <= bound for i in api.get(f"/jobs/{job}/items", max_confidence=bound)["items"])
    assert api.get(f"/jobs/{job}/items", status="failed")["items"] == []


def test_a_correction_stands_beside_the_prediction(api: Api) -> None:
    job = api.submit(parts(**{"a.png": photo(300)})).json()["id"]
    api.finished(job)
    address = f"{api.root}/jobs/{job}/items/0"
    predicted = api.get(f"/jobs/{job}/items")["items"][0]
    item = requests.patch(address, json={"label": " 斜纹 ", "new_class": True}, timeout=10).json()
    assert (item["corrected"], item["label"]) == ("斜纹", predicted["label"])
    assert api.get(f"/jobs/{job}/items", label="斜纹")["items"][0]["index"] == 0
    assert requests.patch(address, json={"label": None}, timeout=10).json()["corrected"] is None
    assert requests.patch(address, json={"label": ""}, timeout=10).status_code == 400
    assert requests.patch(f"{api.root}/jobs/{job}/items/9", json={"label": "x"}, timeout=10).status_code == 404


def test_exports(api: Api) -> None:
    job = api.submit(parts(**{"a.png": photo(310), "b.png": photo(311)}), name="回货 7").json()
    api.finished(job["id"])
    response = requests.get(f"{api.root}/jobs/{job['id']}/export", params={"format": "csv"}, timeout=10)
    assert response.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [row["name"] for row in rows] == ["a.png", "b.png"]
    assert "filename*=UTF-8''%E5%9B%9E%E8%B4%A7%207.csv" in response.headers["Content-Disposition"]
    lines = requests.get(
        f"{api.root}/jobs/{job['id']}/export", params={"format": "jsonl"}, timeout=10
    ).text.splitlines()
    assert [json.loads(line)["index"] for line in lines] == [0, 1]
    refused = requests.get(f"{api.root}/jobs/{job['id']}/export", params={"format": "docx"}, timeout=10)
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_format")


def test_the_same_key_makes_one_job(api: Api) -> None:
    key = {"Idempotency-Key": "one-and-only"}
    first = api.submit(parts(**{"a.png": photo(320)}), headers=key).json()
    again = api.submit(parts(**{"a.png": photo(320)}), headers=key)
    assert (again.status_code, again.json()["id"]) == (202, first["id"])
    other = api.submit(parts(**{"a.png": photo(321)}), headers=key)
    assert 400 <= other.status_code < 500
    assert other.json()["code"] == "idempotency_mismatch"


def test_listed_newest_first(api: Api) -> None:
    ids = [api.submit(parts(**{"a.png": photo(330 + n)})).json()["id"] for n in range(3)]
    page = api.get("/jobs", limit=2)
    assert [job["id"] for job in page["jobs"]] == ids[:0:-1]
    assert api.get("/jobs", limit=1, before=page["next"])["jobs"][0]["id"] == ids[0]


def test_steering(api: Api) -> None:
    job = api.submit(parts(**{"a.png": photo(340)})).json()["id"]
    api.finished(job)
    for verb in ("pause", "resume", "cancel", "retry"):
        response = api.post(f"/jobs/{job}/{verb}")
        assert (response.status_code, response.json()["code"]) == (409, "conflict"), verb
    assert api.post("/jobs/nosuchjob/cancel").status_code == 404
    assert api.post("/jobs/nosuchjob/explode").status_code == 404


def test_a_thumbnail_comes_from_the_worker_or_is_missing(api: Api) -> None:
    job = api.submit(parts(**{"a.png": photo(350)})).json()["id"]
    api.finished(job)
    response = requests.get(f"{api.root}/jobs/{job}/items/0/thumbnail", timeout=10)
    # The null engine never decodes; whatever comes is a JPEG.
    assert response.status_code == 404 or response.content.startswith(b"\xff\xd8")
    assert requests.get(f"{api.root}/jobs/{job}/items/7/thumbnail", timeout=10).status_code == 404


def test_folder_jobs(api: Api, product: Product) -> None:
    folder = product.photos / "六月"
    folder.mkdir(parents=True)
    for n in range(4):
        (folder / f"{n}.png").write_bytes(photo(400 + n))
    response = api.post("/jobs/folder", json={"path": "六月"})
    assert response.status_code == 202
    job = response.json()
    assert (job["name"], job["preset"], job["path"]) == ("六月", "precise", str(folder))
    done = api.finished(job["id"])
    assert (done["total"], done["ok"]) == (4, 4)


def test_tonight(api: Api, product: Product) -> None:
    folder = product.photos / "later"
    folder.mkdir(parents=True)
    (folder / "0.png").write_bytes(photo(410))
    tonight = datetime.now(timezone(timedelta(hours=8))).replace(microsecond=0) + timedelta(hours=9)
    wish = {"path": str(folder), "not_before": tonight.isoformat()}
    job = api.post("/jobs/folder", json=wish).json()
    assert (job["state"], job["not_before"]) == ("scheduled", tonight.timestamp())
    assert api.post(f"/jobs/{job['id']}/cancel").json()["state"] == "cancelled"


def test_many_files_in_one_upload(api: Api) -> None:
    """More than Werkzeug's 1,000 parts and more than the descriptors a process may open."""
    count = 10_000
    files = [("files", (f"roll/{n:05}.jpg", b"%05d" % n)) for n in range(count)]
    response = requests.post(f"{api.root}/jobs", files=files, timeout=120)
    assert response.status_code == 202
    assert response.json()["total"] == count
    assert response.json()["name"] == "roll"
    assert api.post(f"/jobs/{response.json()['id']}/cancel").status_code == 200
