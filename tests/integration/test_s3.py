"""Object storage through a real server that speaks S3: everything that storage does, and what is said when it fails."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.supervisor import redis as embedded
from shared.bank.store import BankStore
from shared.core.errors import Conflict, InvalidRequest, NotFound, Unavailable
from shared.core.settings import Settings
from shared.curation.banks import new_bank
from shared.storage import open_storage, require_storage
from tests.bank_api import built_bank
from tests.product import ROOT, WEFT, Product, eventually, run_product
from tests.s3_server import BUCKET, S3Server, s3_here

pytestmark = pytest.mark.slow

DATA = b"photo"
SHA = hashlib.sha256(DATA).hexdigest()
URL = f"s3://{BUCKET}/weft"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_here(tmp_path_factory.mktemp("s3")) as started:
        yield started


def on(folder: Path, url: str = URL) -> Settings:
    return Settings(data_dir=folder / "data", storage_url=url, engine="null")


def weft(settings: Settings, server: S3Server, *line: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        **server.env,
        "WEFT_DATA_DIR": str(settings.data_dir),
        "WEFT_STORAGE_URL": str(settings.storage_url),
    }
    return subprocess.run(
        [*WEFT, *line],
        env={**env, "WEFT_LANG": "en", **more},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_blobs_thumbnails_and_spooled_files(server: S3Server, tmp_path: Path) -> None:
    storage = open_storage(on(tmp_path))
    assert not storage.has(SHA)
    with pytest.raises(NotFound):
        storage.read(SHA)
    spooled = storage.spool_dir() / "upload"
    spooled.write_bytes(DATA)
    storage.adopt(spooled, SHA)
    assert not spooled.exists()
    storage.put(DATA, SHA)
    assert (storage.read(SHA), storage.has(SHA), storage.keep(SHA), storage.available()) == (DATA, True, True, True)
    with storage.local_copy(SHA) as path:
        assert path.read_bytes() == DATA
    assert list(storage.spool_dir().iterdir()) == []
    assert (storage.thumb(SHA), storage.has_thumb(SHA)) == (None, False)
    storage.put_thumb(SHA, b"small")
    assert (storage.thumb(SHA), storage.has_thumb(SHA)) == (b"small", True)
    assert f"weft/blobs/{SHA[:2]}/{SHA}" in server.objects("weft/")


def test_two_machines_share_a_bank(server: S3Server, tmp_path: Path) -> None:
    one, two = on(tmp_path / "one"), on(tmp_path / "two")
    version = built_bank(one, tmp_path / "photos").current()
    assert version
    assert BankStore(two).current() == version
    assert len(BankStore(two).load(version).vectors) == len(BankStore(one).load(version).vectors)
    assert BankStore(two).samples(version) == BankStore(one).samples(version)


def test_two_machines_share_several_banks(server: S3Server, tmp_path: Path) -> None:
    url = f"s3://{BUCKET}/several"
    one, two = on(tmp_path / "one", url), on(tmp_path / "two", url)
    here = built_bank(one, tmp_path / "photos")
    made = new_bank(here, "皮革 Leather", copy_of="default")
    version = here.of(made.id).current()
    there = BankStore(two)
    assert there.banks.find("皮革 leather") == made
    assert there.of(made.id).current() == version
    assert there.current() == here.current() != version
    assert there.load(version).manifest.bank == made.id
    # What both change at once is there on both: the list is read afresh before it is written.
    there.banks.new("Silk")
    here.banks.new("Linen")
    assert {bank.name for bank in BankStore(two).banks.list()} >= {"皮革 Leather", "Silk", "Linen"}
    # A bank that is deleted leaves nothing behind.
    assert len(server.objects(f"several/banks/{version}/")) > 1
    here.of(made.id).remove(str(version))
    assert server.objects(f"several/banks/{version}/") == []


def test_a_missing_bucket_is_refused_and_not_made(server: S3Server, tmp_path: Path) -> None:
    mistyped = on(tmp_path, "s3://swatchse/weft")
    with pytest.raises(Conflict) as refused:
        require_storage(mistyped)
    assert refused.value.code == "storage_no_bucket"
    assert "swatchse" in str(refused.value)
    with pytest.raises(Unavailable):
        open_storage(mistyped).put(DATA, SHA)
    assert server.buckets() == [BUCKET]


@pytest.mark.parametrize("command", [["web"], ["up", "--workers", "0"]])
def test_no_service_starts_on_a_missing_bucket(server: S3Server, tmp_path: Path, command: list[str]) -> None:
    settings = on(tmp_path, "s3://swatchse/weft")
    with embedded.running(on(tmp_path / "redis")) as pair:
        # `weft up` starts one of its own.
        more = {"WEFT_REDIS_URL": pair.ledger_at.url} if command == ["web"] else {}
        done = weft(settings, server, *command, **more)
    assert done.returncode == 1, done.stderr
    assert "The bucket swatchse of WEFT_STORAGE_URL does not exist" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_doctor_writes_and_reads_an_object(server: S3Server, tmp_path: Path) -> None:
    checks = json.loads(weft(on(tmp_path), server, "doctor", "--json").stdout)["checks"]
    assert [c["state"] for c in checks if c["what"] == "storage"] == ["ok"]
    assert not [key for key in server.objects("weft/") if ".probe" in key]
    checks = json.loads(weft(on(tmp_path, "s3://swatchse/x"), server, "doctor", "--json").stdout)["checks"]
    assert [(c["state"], "does not exist" in c["text"]) for c in checks if c["what"] == "storage"] == [("broken", True)]
    checks = json.loads(weft(on(tmp_path, "nothing://x"), server, "doctor", "--json").stdout)["checks"]
    assert [c["state"] for c in checks if c["what"] == "storage"] == ["broken"]


def test_what_no_package_can_open(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as unknown:
        open_storage(on(tmp_path, "nothing://bucket"))
    assert unknown.value.code == "storage_unknown"
    with pytest.raises(Conflict) as missing:
        open_storage(on(tmp_path, "gs://bucket/weft"))
    assert missing.value.code == "storage_needs_package"


def test_an_outage_is_said_within_seconds_and_over_with_its_cause(server: S3Server, tmp_path: Path) -> None:
    settings = on(tmp_path)
    storage = open_storage(settings)
    storage.put(DATA, SHA)
    server.way.refuse()
    try:
        for call in (
            lambda: storage.read(SHA),
            lambda: storage.has(SHA),
            lambda: storage.put(DATA, SHA),
            lambda: storage.thumb(SHA),
            lambda: storage.fetch("banks/current", tmp_path / "current"),
            lambda: storage.share(Path(__file__), "x"),
        ):
            began = time.monotonic()
            with pytest.raises(Unavailable) as away:
                call()
            assert (away.value.code, away.value.status) == ("storage_unavailable", 503)
            assert time.monotonic() - began < 30
        # Nothing is left of what did not come through.
        assert not list(tmp_path.glob(".fetch*"))
        assert isinstance(require_storage(settings), Unavailable)
    finally:
        server.way.heal()
    assert storage.read(SHA) == DATA
    assert require_storage(settings) is None


def job(product: Product, job_id: str) -> dict[str, Any]:
    return dict(requests.get(f"{product.url}/api/v1/jobs/{job_id}", timeout=60).json())


def send(product: Product, count: int) -> requests.Response:
    files = [("files", (f"{n}.jpg", b"\xff\xd8\xff" + os.urandom(400), "image/jpeg")) for n in range(count)]
    return requests.post(f"{product.url}/api/v1/jobs", files=files, timeout=120)


@pytest.mark.long
def test_the_product_on_s3(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads end; while the store is away, an upload gets 503 and says why; then it works again."""
    with run_product(tmp_path, engine="null", storage_url=f"s3://{BUCKET}/product") as product:
        made = send(product, 6)
        assert made.status_code == 202, made.text
        eventually(lambda: job(product, made.json()["id"])["state"] == "finished", 90, "the end of the job")
        assert job(product, made.json()["id"])["ok"] == 6
        assert len([key for key in server.objects("product/") if "/blobs/" in key]) == 6
        server.way.refuse()
        try:
            refused = send(product, 1)
            assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
            assert int(refused.headers["Retry-After"]) > 0
            # What needs no storage goes on.
            assert requests.get(f"{product.url}/jobs", timeout=30).status_code == 200
        finally:
            server.way.heal()
        eventually(lambda: send(product, 1).status_code == 202, 60, "an upload that is taken")
