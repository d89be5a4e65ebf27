"""Uploads that cannot be taken: a 4xx with a stable code, nothing kept, and the product goes on."""

from __future__ import annotations

import io
import zipfile

import pytest
import requests

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from tests.product import Product
from web.app import create_app


def zipped(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def locked() -> bytes:
    data = bytearray(zipped(**{"a.jpg": b"1" * 99}))
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("files", "fields", "status", "code"),
    [
        ([], {}, 400, "no_files"),
        ([("files", ("", b""))], {}, 400, "no_files"),
        ([("other", ("a.jpg", b"1"))], {}, 400, "invalid_request"),
        ([("files", ("empty.zip", zipped()))], {}, 400, "no_files"),
        ([("files", ("a.jpg", b"1"))], {"preset": "wild"}, 400, "unknown_preset"),
        ([("files", ("a.jpg", b"1"))], {"not_before": "tonight"}, 400, "invalid_request"),
        ([("files", ("a.zip", b"PK\x03\x04 no"))], {}, 400, "zip_damaged"),
        ([("files", ("a.zip", locked()))], {}, 400, "zip_encrypted"),
        ([("files", ("a.zip", zipped(**{"0.bmp": bytes(70 * 1024**2)})))], {}, 400, "zip_bomb"),
    ],
)
def test_refused(
    product: Product, files: list[tuple[str, tuple[str, bytes]]], fields: dict[str, str], status: int, code: str
) -> None:
    response = requests.post(f"{product.url}/api/v1/jobs", files=files or None, data=fields, timeout=30)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["detail"]
    assert list((product.settings.data_dir / "spool").glob("*")) == []


def test_a_zip_is_named_in_its_refusal(product: Product) -> None:
    files = [("files", ("面料.zip", b"broken"))]
    response = requests.post(f"{product.url}/api/v1/jobs", files=files, headers={"Accept-Language": "zh"}, timeout=30)
    assert response.json()["detail"] == "压缩包 面料.zip 已损坏。"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/etc", 403, "folder_not_allowed"),
        ("../..", 403, "folder_not_allowed"),
        ("no-such-folder", 400, "folder_missing"),
        ("empty-folder", 400, "folder_empty"),
        ("way-out", 403, "folder_not_allowed"),
    ],
)
def test_folders(product: Product, path: str, status: int, code: str) -> None:
    product.photos.mkdir(parents=True, exist_ok=True)
    (product.photos / "empty-folder").mkdir(exist_ok=True)
    if not (product.photos / "way-out").is_symlink():
        (product.photos / "way-out").symlink_to("/etc")
    response = requests.post(f"{product.url}/api/v1/jobs/folder", json={"path": path}, timeout=30)
    assert (response.status_code, response.json()["code"]) == (status, code)


@pytest.mark.usefixtures("redis_pair")
class TestLimits:
    def test_bytes_of_an_upload(self, settings: Settings) -> None:
        assert self.refusal(settings, {"max_upload_bytes": 500}, [b"x" * 2000]) == (413, "upload_too_large")

    def test_files_of_an_upload(self, settings: Settings) -> None:
        assert self.refusal(settings, {"max_upload_files": 2}, [b"1", b"2", b"3"]) == (400, "too_many_files")

    def refusal(self, settings: Settings, limits: dict[str, int], contents: list[bytes]) -> tuple[int, str]:
        app = create_app(settings.model_copy(update=limits))
        files = [(io.BytesIO(data), "a.jpg") for data in contents]
        response = app.test_client().post("/api/v1/jobs", data={"files": files})
        assert list((settings.data_dir / "spool").glob("*")) == []
        return response.status_code, response.get_json()["code"]


def test_no_bank(settings: Settings, redis_pair: embedded.Pair) -> None:
    client = create_app(settings).test_client()
    response = client.post("/api/v1/jobs", data={"files": (io.BytesIO(b"1"), "a.jpg")})
    assert (response.status_code, response.get_json()["code"]) == (409, "no_bank")
    assert client.get("/readyz").get_json()["code"] == "no_bank"
    # One notice tells it, and none says that photos can be uploaded all the same.
    page = client.get("/", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert page.count('class="notice') == 2
    assert 'id="interrupted" class="notice' in page
    assert "You can upload now" not in page


@pytest.mark.usefixtures("redis_pair")
def test_the_address_of_a_form_leads_to_its_page(settings: Settings) -> None:
    client = create_app(settings).test_client()
    for address, page in (
        ("/upload", "/"),
        ("/upload?lang=zh", "/?lang=zh"),
        ("/jobs/0000000000000/rename?lang=en", "/jobs/0000000000000?lang=en"),
        ("/jobs/0000000000000/items/3", "/jobs/0000000000000"),
        ("/bank/undo", "/bank"),
    ):
        answer = client.get(address, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers.get("Location")) == (303, page), address
    # Programs are told.
    assert client.get("/bank/undo", headers={"Accept": "application/json"}).status_code == 405
    assert client.get("/api/v1/jobs/0000000000000/retry").status_code == 405
