"""What commands, workers elsewhere and retention make of a bank server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from scripts.supervisor import redis as embedded
from shared.bank.manifest import VECTORS
from shared.bank.server.tables import name_of
from shared.bank.store import BankStore
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.maintenance import retention
from shared.maintenance.retention.plan import Policies
from shared.ranking.model import PRESETS
from shared.ranking.ranker import rank
from shared.storage import open_storage
from tests.bank_servers import PASSWORD, Server, needs_servers, replica, server, url
from tests.banks import make_large_bank
from tests.doctor import findings
from tests.environment import clean_environment
from tests.ledger_harness import LedgerHarness, photos, spec
from tests.product import ROOT, WEFT
from tests.s3_server import BUCKET, s3_here
from web.app import create_app

pytestmark = [pytest.mark.slow, needs_servers]


@pytest.fixture(scope="module")
def primary() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture
def served(settings: Settings, primary: Server) -> Settings:
    return settings.model_copy(update={"index_url": SecretStr(primary.url)})


def tables(primary: Server) -> set[str]:
    return {row[0] for row in primary.sql("SELECT tablename FROM pg_tables WHERE tablename LIKE 'weft_bank%'")}


def weft(settings: Settings, *line: str, code: int = 0) -> str:
    assert settings.index_url is not None
    env = clean_environment()
    env |= {"WEFT_DATA_DIR": str(settings.data_dir), "WEFT_ENGINE": "null", "WEFT_LANG": "en"}
    env |= {"WEFT_INDEX_URL": settings.index_url.get_secret_value()}
    done = subprocess.run([*WEFT, *line], env=env, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return done.stdout or done.stderr


def test_a_version_is_written_again_and_told_of(settings: Settings, served: Settings, primary: Server) -> None:
    # Made before there was a server: nobody has written its table yet.
    version = make_large_bank(settings)
    told = findings(settings.data_dir, index_url=primary.url)
    assert any(f.what == "bank server" and f.state == "broken" and version in f.text for f in told), told
    document = json.loads(weft(served, "bank", "index", "--json"))
    assert (document["version"], document["rows"], document["compared"]) == (version, 21_000, 200)
    assert tables(primary) == {name_of(version)}
    told = findings(settings.data_dir, index_url=primary.url)
    assert [f.state for f in told if f.what == "bank server"] == ["ok", "ok"]
    checked = json.loads(weft(served, "bank", "check", "--json"))
    assert checked["bank_server"]["compared"] == 200
    assert "200 queries gave the answers of the files" in weft(served, "bank", "check")
    # With a replica alone, photos can be classified, and no version made active.
    with replica(primary) as second:
        told = findings(settings.data_dir, index_url=second.url)
        assert [f.state for f in told if f.what == "bank server"] == ["ok", "note", "ok"]
    primary.sql(f'DROP TABLE "{name_of(version)}"')
    assert "weft bank index" in weft(served, "bank", "check")
    assert "No bank server is set" in weft(
        settings.model_copy(update={"index_url": SecretStr("")}), "bank", "index", code=1
    )
    assert "does not answer" in weft(
        settings.model_copy(update={"index_url": SecretStr("postgresql://weft:x@127.0.0.1:1/weft")}),
        *("bank", "index"),
        code=1,
    )


def test_tables_of_versions_that_are_gone_go_too(
    settings: Settings, served: Settings, primary: Server, redis_pair: embedded.Pair
) -> None:
    ledger, storage, store = Ledger.connect(settings), open_storage(settings), BankStore(served)
    made = [make_large_bank(served, classes, name=f"v{classes}") for classes in (350, 351, 352)]
    assert {name_of(version) for version in made} <= tables(primary)
    # The first is gone, but a job may still be retried with it; the second is gone; the third is active.
    ledger.submit(spec(bank=made[0]), photos(1))
    for version in made[:2]:
        (store.root / version).rename(settings.data_dir / version)
    found = retention.look(served, ledger, storage, Policies())["index_tables"]
    assert [due.name for due in found.due] == [made[1]]
    retention.remove(served, ledger, storage, Policies())
    assert name_of(made[1]) not in tables(primary)
    assert {name_of(made[0]), name_of(made[2])} <= tables(primary)
    # A server that is away keeps nothing else from being removed.
    away = served.model_copy(update={"index_url": SecretStr("postgresql://weft:x@127.0.0.1:1/weft")})
    assert retention.remove(away, ledger, storage, Policies())["index_tables"].due == []
    ledger.connection.redis.close()


def test_a_worker_elsewhere_needs_no_copy_of_the_vectors(tmp_path: Path, primary: Server) -> None:
    with s3_here(tmp_path):

        def on(name: str) -> Settings:
            return Settings(
                data_dir=tmp_path / name,
                engine="null",
                storage_url=f"s3://{BUCKET}/weft",
                index_url=SecretStr(primary.url),
            )

        version = make_large_bank(on("web"))
        small = make_large_bank(on("web"), classes=10, each=5, publish=False)
        worker = BankStore(on("worker"), ranks_only=True)
        bank = worker.load(version)
        assert not (worker.root / version / VECTORS).exists()
        queries = np.eye(bank.dim, dtype=np.float32)[:8]
        answers = rank(bank, queries, PRESETS["standard"])
        assert len(worker.load(small).vectors) == 50
        # Whoever needs them on the same machine fetches them.
        whole = BankStore(on("worker")).load(version)
        assert (worker.root / version / VECTORS).exists()
        right = rank(whole, queries, PRESETS["standard"])
        assert [(a.label, [c.sample for c in a.candidates]) for a in answers] == [
            (a.label, [c.sample for c in a.candidates]) for a in right
        ]
        assert open_storage(on("web")).is_shared(f"banks/{version}")
        assert not open_storage(on("web")).is_shared("banks/nothing")
        assert worker.server is not None
        worker.server.close()


def test_the_page_makes_no_version_active_whose_table_cannot_be_written(
    harness: LedgerHarness, ledger_settings: Settings, settings: Settings, primary: Server
) -> None:
    first, second = make_large_bank(settings), make_large_bank(settings, classes=360, name="new", publish=False)
    site = settings.model_copy(update={"redis_url": SecretStr(addresses(ledger_settings).ledger)})
    away = site.model_copy(update={"index_url": SecretStr("postgresql://weft:x@127.0.0.1:1/weft")})
    refused = create_app(away).test_client().post(f"/api/v1/bank/versions/{second}/publish")
    assert (refused.status_code, refused.json["code"]) == (503, "index_unavailable")
    assert BankStore(settings).current() == first
    there = site.model_copy(update={"index_url": SecretStr(primary.url)})
    done = create_app(there).test_client().post(f"/api/v1/bank/versions/{second}/publish")
    assert done.status_code == 200, done.text
    assert BankStore(settings).current() == second
    assert name_of(second) in tables(primary)
    # What a roll back makes active has its table written, too.
    assert name_of(first) not in tables(primary)
    back = create_app(there).test_client().post("/api/v1/bank/rollback")
    assert back.status_code == 200, back.text
    assert name_of(first) in tables(primary)


def test_the_address_is_a_secret_that_a_file_may_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, primary: Server
) -> None:
    (tmp_path / "address").write_text(url(primary) + "\n")
    monkeypatch.setenv("WEFT_INDEX_URL_FILE", str(tmp_path / "address"))
    monkeypatch.setenv("WEFT_INDEX_URL", "")
    settings = Settings()
    assert settings.index_url is not None
    assert settings.index_url.get_secret_value() == url(primary)
    assert PASSWORD not in repr(settings)
