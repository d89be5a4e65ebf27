"""Class labels: cleaned where people say them, refused where a class could not be reached, and no bank lost to one."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from scripts.supervisor import redis as embedded
from shared.bank.manifest import Manifest, seal_manifest
from shared.bank.store import BankStore
from shared.core.errors import BankError, InvalidRequest, WeftError
from shared.core.settings import Settings
from shared.curation.build import build_bank
from shared.curation.legacy import read_legacy
from shared.encoder import describe, load_encoder
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.dispatcher_ledger import DispatcherLedger
from tests.bank_api import built_bank, call, finished, run_bank_task, submit_photos
from tests.banks import save_npz
from tests.product import Product, make_photos
from web.app import create_app
from worker.dispatcher.listing import Lister

UNUSABLE = ["", "\u200d", "\n", "..", ".", "a/b", "../../x", "a\\b", "con", "NUL.txt", "x" * 200]


def test_a_line_separator_in_a_correction_leaves_the_bank_readable(curated: Product) -> None:
    job = finished(curated, submit_photos(curated, "separator", 1))
    corrected = call(
        curated, "PATCH", f"/jobs/{job['id']}/items/0", {"label": "evil\u2028cla\u202ess", "new_class": True}
    )
    assert corrected["corrected"] == "evilclass"
    task = run_bank_task(curated, kind="add", items=[{"job": job["id"], "index": 0}], publish=True)
    assert task["result"]["published"]
    try:
        for address in ("/bank", "/bank/corrections", "/bank/classes/evilclass", "/api/v1/bank"):
            assert requests.get(curated.url + address, timeout=20).status_code == 200, address
    finally:
        call(curated, "POST", "/bank/rollback")


@pytest.mark.parametrize("label", UNUSABLE)
def test_labels_that_could_not_be_reached_are_refused(curated: Product, label: str) -> None:
    job = finished(curated, submit_photos(curated, f"refused-{UNUSABLE.index(label)}", 1))
    for language in ("en", "zh"):
        answer = requests.patch(
            f"{curated.url}/api/v1/jobs/{job['id']}/items/0",
            json={"label": label},
            headers={"Accept-Language": language},
            timeout=20,
        )
        assert answer.status_code == 400
        assert answer.json()["code"] in ("label_empty", "label_long", "label_unusable", "invalid_request")
    page = requests.post(f"{curated.url}/jobs/{job['id']}/items/0", data={"label": label}, timeout=20)
    assert page.status_code == (200 if label == "" else 400)


def test_a_bank_that_holds_such_a_label_already_works(settings: Settings, tmp_path: Path) -> None:
    store = built_bank(settings, tmp_path / "photos")
    version = store.current() or ""
    folder = store.folder(version)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    text = (folder / "samples.jsonl").read_text("utf-8").replace("stripe-0", "evil\u2028class")
    (folder / "samples.jsonl").write_text(text, "utf-8")
    entries = json.loads(json.dumps(manifest["classes"]).replace("stripe-0", "evil\\u2028class"))
    files = list(manifest["files"])
    seal_manifest(folder, Manifest.from_json(manifest | {"classes": entries}), files)
    again = BankStore(settings)
    assert "evil\u2028class" in {row.label for row in again.samples(version)}
    client = create_app(settings).test_client()
    assert client.get("/bank").status_code == 200
    assert client.get("/bank/classes/evil%E2%80%A8class").status_code == 200


def test_a_version_that_cannot_be_read_back_is_not_published(settings: Settings, tmp_path: Path) -> None:
    store = built_bank(settings, tmp_path / "photos")
    before = store.current()
    encoder = load_encoder(settings, threads=1)
    version = build_bank(make_photos(tmp_path / "more", 2, 5), encoder, settings)
    folder = store.folder(version)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    lines = (folder / "samples.jsonl").read_text("utf-8")
    (folder / "samples.jsonl").write_text(lines.replace("{", "{\n", 1), "utf-8")
    seal_manifest(folder, Manifest.from_json(manifest), list(manifest["files"]))
    with pytest.raises(BankError):
        BankStore(settings).publish(version)
    assert BankStore(settings).current() == before


def test_class_folders_in_any_encoding(settings: Settings, tmp_path: Path) -> None:
    folder = make_photos(tmp_path / "photos", 2, 4)
    os.rename(folder / "stripe-0", os.fsdecode(os.fsencode(folder) + b"/\xc3\xde\xb2\xbc"))
    os.rename(folder / "stripe-1", folder / "ca\u2028lico")
    store = BankStore(settings)
    store.publish(build_bank(folder, load_encoder(settings, threads=1), settings))
    assert sorted(entry.label for entry in store.manifest().classes) == ["calico", "棉布"]
    (folder / "con").mkdir()
    with pytest.raises(InvalidRequest) as refused:
        build_bank(folder, load_encoder(settings, threads=1), settings)
    assert refused.value.code == "label_unusable"


@pytest.mark.parametrize("key", ["", " ", "../../etc/x", "x" * 3000])
def test_class_names_of_an_npz(settings: Settings, tmp_path: Path, key: str) -> None:
    rows = np.ones((2, describe(settings).dim), np.float32)
    with pytest.raises(InvalidRequest):
        read_legacy(save_npz(tmp_path / "a.npz", {key: rows}))


def test_an_npz_that_is_not_what_it_says(tmp_path: Path) -> None:
    stranger, huge = tmp_path / "stranger.npz", tmp_path / "huge.npz"
    with zipfile.ZipFile(stranger, "w") as archive:
        archive.writestr("readme.txt", b"not an array")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (2**30, 1024)})
    with zipfile.ZipFile(huge, "w") as archive:
        archive.writestr("denim.npy", header.getvalue())
    for path in (stranger, huge):
        with pytest.raises(InvalidRequest) as refused:
            read_legacy(path)
        assert refused.value.code == "legacy_damaged"


@pytest.fixture
def web_settings(settings: Settings, redis_pair: embedded.Pair, tmp_path: Path) -> Settings:
    built_bank(settings, tmp_path / "bank-photos")
    return settings


#: Bytes of one file name on Linux.
FILE_NAMES = st.one_of(
    st.binary(min_size=1, max_size=60),
    st.text(min_size=1, max_size=40).map(lambda t: t.encode("utf-8", "surrogatepass")),
).filter(lambda raw: b"/" not in raw and b"\0" not in raw and not raw.startswith(b"."))


def test_any_name_goes_through_folder_job_upload_and_lists(web_settings: Settings) -> None:
    ledger, client = Ledger.connect(web_settings), create_app(web_settings).test_client()

    @examples(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(name=FILE_NAMES, title=st.text(max_size=30), label=st.text(max_size=30))
    def survives(name: bytes, title: str, label: str) -> None:
        folder = web_settings.data_dir / "photos" / str(len(ledger.jobs(500)))
        folder.mkdir(parents=True, exist_ok=True)
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name + b".jpg")).write_bytes(b"x")
        asked = client.post("/api/v1/jobs/folder", json={"path": str(folder), "name": title})
        assert asked.status_code in (202, 400), asked.text
        if asked.status_code == 202:
            Lister(ledger, DispatcherLedger(ledger.connection, "test"), ledger.job(asked.json["id"])).run()
        part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="%s.jpg"\r\n\r\nabc\r\n--x--\r\n' % (
            name.translate(None, b'"\r\n\\') or b"a"
        )
        sent = client.post("/api/v1/jobs", data=part, content_type="multipart/form-data; boundary=x")
        assert sent.status_code == 202, sent.text
        for address in ("/", "/jobs", "/api/v1/jobs"):
            assert client.get(address).status_code == 200
        answer: Any = client.patch(f"/api/v1/jobs/{sent.json['id']}/items/0", json={"label": label, "new_class": True})
        assert answer.status_code in (400, 404)

    survives()


def test_any_label_that_is_taken_makes_a_readable_bank(settings: Settings, tmp_path: Path) -> None:
    encoder, photos = load_encoder(settings, threads=1), make_photos(tmp_path / "photos", 1, 2) / "stripe-0"

    @examples(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(name=FILE_NAMES)
    def builds(name: bytes) -> None:
        with_it = tmp_path / "bank" / str(len(BankStore(settings).list()))
        with_it.mkdir(parents=True, exist_ok=True)
        target = os.fsdecode(os.fsencode(with_it) + b"/" + name)
        os.makedirs(target, exist_ok=True)
        for photo in photos.iterdir():
            Path(target, photo.name).write_bytes(photo.read_bytes())
        store = BankStore(settings)
        try:
            version = build_bank(with_it, encoder, settings)
        except WeftError as error:
            if not error.code.startswith("label_"):
                raise
            return
        finally:
            for path in with_it.rglob("*.jpg"):
                path.unlink()
        store.publish(version)
        client = create_app(settings).test_client()
        [entry] = client.get("/api/v1/bank").json["classes"]
        assert client.get("/bank").status_code == 200
        assert client.get(f"/api/v1/bank/classes/{quote(entry['label'], safe='')}").status_code == 200

    builds()
