"""A backup of a Redis and an object store that are not Weft's own: restored into others, every byte is there."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import boto3
import pytest
import redis
import requests

from scripts.supervisor import redis as embedded
from scripts.supervisor.snapshot import serving
from shared.core.errors import Conflict
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.connection import connect
from shared.jobs.model import Lane
from shared.jobs.projection import caught_up
from shared.maintenance import backup
from shared.maintenance.ledger_copy import put_back
from shared.storage import open_storage
from tests.ledger_harness import LedgerHarness
from tests.product import ROOT, WEFT, Product, eventually, make_photos, run_product
from tests.redis_servers import PASSWORD, USER, server, with_user
from tests.s3_server import BUCKET, S3Server, s3_here

pytestmark = pytest.mark.slow

FORMATS = ("csv", "jsonl", "xlsx")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[S3Server]:
    with s3_here(tmp_path) as started:
        yield started


def on(folder: Path, port: int, db: int = 0) -> Settings:
    return Settings(data_dir=folder, engine="null", redis_url=f"redis://127.0.0.1:{port}/{db}")


def exports(product: Product, job: str) -> dict[str, bytes]:
    found = {}
    for form in FORMATS:
        answer = requests.get(f"{product.url}/api/v1/jobs/{job}/export?format={form}", timeout=60)
        assert answer.ok, answer.text
        if form != "xlsx":
            found[form] = answer.content
            continue
        with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
            # But for when the file was written.
            found |= {name: book.read(name) for name in book.namelist() if name != "docProps/core.xml"}
    return found


def objects(store: S3Server, prefix: str) -> dict[str, bytes]:
    """What is stored below the prefix, by its name there; asked without Weft."""
    client = boto3.client("s3", endpoint_url=store.direct)
    names = store.objects(prefix)
    return {n.removeprefix(prefix): client.get_object(Bucket=BUCKET, Key=n)["Body"].read() for n in names}


def test_a_job_byte_for_byte(store: S3Server, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    files = [("files", (p.name, p.read_bytes())) for p in sorted(make_photos(tmp_path / "upload").rglob("*.jpg"))]
    with server(tmp_path / "r1", *with_user()) as port:
        url = f"redis://{USER}:{PASSWORD}@127.0.0.1:{port}/3"
        with run_product(tmp_path / "first", redis_url=url, storage_url=f"s3://{BUCKET}/first") as product:
            answer = requests.post(f"{product.url}/api/v1/jobs", files=files, timeout=60)
            job = answer.json()["id"]
            at = f"{product.url}/api/v1/jobs/{job}"
            eventually(lambda: requests.get(at, timeout=10).json()["state"] == "finished", 60, "the job")
            label = {"label": "corrected", "new_class": True}
            assert requests.patch(f"{at}/items/3", json=label, timeout=10).ok
            for large in (False, True):
                # As a worker keeps them that decodes.
                digest = hashlib.sha256(files[0][1][1]).hexdigest()
                open_storage(product.settings).put_thumb(digest, b"a picture", large)
            before = exports(product, job)
            made = json.loads(product.weft("backup", target, "--json", timeout=300).stdout)
            assert made["ledger_jobs"] == 1
            # Blobs, two thumbnails, and the bank.
            assert made["new_files"] > len(files) + 2
            assert json.loads(product.weft("backup", target, "--json", timeout=300).stdout)["new_files"] == 0
            refused = product.weft("restore", target, "--data-dir", tmp_path / "wrong", timeout=300)
            assert (refused.returncode, "already contains jobs" in refused.stderr) == (1, True)
    with server(tmp_path / "r2") as port:
        url = f"redis://127.0.0.1:{port}/0"
        env = {"redis_url": url, "storage_url": f"s3://{BUCKET}/second"}
        product.env.update({f"WEFT_{name.upper()}": value for name, value in env.items()})
        restored = product.weft("restore", target, "--data-dir", tmp_path / "second" / "data", timeout=300)
        assert restored.returncode == 0, restored.stderr
        with run_product(tmp_path / "second", **env) as again:
            assert exports(again, job) == before
        assert objects(store, "second/") == objects(store, "first/")


def test_a_half_done_job_goes_on(tmp_path: Path) -> None:
    target = tmp_path / "backup"
    with server(tmp_path / "r1") as port:
        first = on(tmp_path / "first", port)
        harness = LedgerHarness(Ledger.connect(first))
        job = harness.submit(100)
        harness.admit(job)
        claims = [harness.worker().claim(Lane.BULK) for _ in range(2)]
        assert claims[0] is not None
        assert claims[1] is not None
        harness.finish(harness.worker(), claims[0])
        made = backup.save(first, target)
        # What happens afterwards is not in it.
        harness.finish(harness.worker(), claims[1])
        harness.redis.close()
    with server(tmp_path / "r2") as port, serving(target / backup.RDB) as moment:
        second = on(tmp_path / "second", port, db=2)
        # As where no server program is installed.
        line = [*WEFT, "restore", str(target), "--moment", moment, "--data-dir", str(second.data_dir), "--json"]
        env = {**os.environ, "WEFT_REDIS_URL": f"redis://127.0.0.1:{port}/2"}
        told = json.loads(subprocess.run(line, env=env, cwd=ROOT, check=True, capture_output=True, timeout=120).stdout)
        assert {**made.to_json(), "data_dir": str(second.data_dir)} == told
        again = LedgerHarness(Ledger.connect(second))
        assert again.ledger.job(job.id).done == len(claims[0].items)
        again.lapse(job)
        again.sweep(job)
        again.drain(again.worker(), Lane.BULK)
        again.check(job)
        with caught_up(second, again.ledger, job.id) as projection:
            assert [row["index"] for row in projection.rows()] == list(range(100))
        again.redis.close()


def test_what_was_elsewhere_may_come_into_a_data_folder(tmp_path: Path) -> None:
    with server(tmp_path / "r1") as port:
        harness = LedgerHarness(Ledger.connect(on(tmp_path / "first", port)))
        job = harness.submit(10)
        backup.save(on(tmp_path / "first", port), tmp_path / "backup")
        harness.redis.close()
    own = Settings(data_dir=tmp_path / "own", engine="null")
    backup.load(own, tmp_path / "backup")
    with embedded.running(own):
        assert Ledger.connect(own).job(job.id).total == 10


def test_every_type_and_term_is_the_same(tmp_path: Path) -> None:
    with server(tmp_path / "r1") as one, server(tmp_path / "r2") as two:
        source, target = (connect(f"redis://127.0.0.1:{port}/0") for port in (one, two))
        with closing(source), closing(target):
            source.set("weft:string", bytes(range(256)), px=90_000_000)
            source.setbit("weft:bits", 100_001, 1)
            source.rpush("weft:list", *(f"{i}\r\n" for i in range(1001)))
            source.sadd("weft:set", *range(1001))
            source.hset("weft:hash", mapping={str(i): b"\xff" * i for i in range(1001)})
            source.zadd("weft:zset", {str(i): 1_700_000_000 + i / 7 for i in range(1001)} | {"end": float("inf")})
            source.set("another's", "stays")
            target.rpush("weft:list", "of a restore that broke off")
            put_back(f"redis://127.0.0.1:{one}/0", target)
            assert set(target.scan_iter()) == set(source.scan_iter()) - {b"another's"}
            assert 89_000_000 < target.pttl("weft:string") <= 90_000_000
            assert target.pttl("weft:list") == -1
            assert contents(target) == {name: value for name, value in contents(source).items() if name != b"another's"}


def contents(client: redis.Redis) -> dict[bytes, object]:
    read = {
        b"string": client.get,
        b"list": lambda name: client.lrange(name, 0, -1),
        b"set": client.smembers,
        b"hash": client.hgetall,
        b"zset": lambda name: client.zrange(name, 0, -1, withscores=True),
    }
    return {name: read[client.type(name)](name) for name in client.scan_iter()}


def test_refusals(tmp_path: Path) -> None:
    acl = ("user default on nopass ~* &* +@all -sync",)
    with server(tmp_path / "r1", *acl) as port:
        Ledger.connect(on(tmp_path / "first", port)).connection.check_schema()
        with pytest.raises(Conflict) as refused:
            backup.save(on(tmp_path / "first", port), tmp_path / "backup")
    assert refused.value.code == "backup_sync_refused"
    assert not (tmp_path / "backup" / backup.MANIFEST).exists()
    with server(tmp_path / "r2") as port:
        Ledger.connect(on(tmp_path / "first", port, db=1)).connection.check_schema()
        backup.save(on(tmp_path / "first", port, db=1), tmp_path / "backup")
        with pytest.raises(Conflict) as other:
            backup.load(Settings(data_dir=tmp_path / "own"), tmp_path / "backup")
        assert other.value.code == "restore_other_db"
        LedgerHarness(Ledger.connect(on(tmp_path / "first", port))).submit(1)
        with pytest.raises(Conflict) as full:
            backup.load(on(tmp_path / "second", port), tmp_path / "backup", "unix:///nobody")
        assert full.value.code == "restore_redis_not_empty"
        assert not (tmp_path / "second").exists()
