"""What can be wrong with a bank server, each told by a sentence of its own; the active bank stays what it is."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from shared.bank.manifest import VECTORS
from shared.bank.server import connection, publication
from shared.bank.server.connection import BankServer
from shared.bank.server.tables import all_notes, name_of
from shared.bank.store import BankStore
from shared.core.errors import BankError, Conflict, Unavailable, WeftError
from shared.core.messages import sentence
from shared.core.settings import Settings
from shared.ranking.model import PRESETS
from shared.ranking.ranker import rank
from tests.bank_servers import PASSWORD, Server, needs_servers, owned_by_server, pair, server, url
from tests.banks import INFO, make_large_bank

pytestmark = needs_servers


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    with pair() as both:
        yield both


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str, str]:
    """Settings without a server, the active version, and one that is not active."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("banks") / "data", engine="null")
    active = make_large_bank(settings)
    return settings, active, make_large_bank(settings, classes=360, name="new", publish=False)


@pytest.fixture
def store(servers: tuple[Server, Server], banks: tuple[Settings, str, str]) -> Iterator[BankStore]:
    """With the server, on which there is no table yet; whatever happens, the active version stays."""
    settings, active, _ = banks
    yield BankStore(with_server(settings, url(*servers)))
    assert BankStore(settings).current() == active
    for (table,) in servers[0].sql("SELECT tablename FROM pg_tables WHERE tablename LIKE 'weft_bank%'"):
        servers[0].sql(f'DROP TABLE "{table}"')


def with_server(settings: Settings, address: str) -> Settings:
    return settings.model_copy(update={"index_url": SecretStr(address), "lease_seconds": 4})


def refused(store: BankStore, version: str) -> WeftError:
    with pytest.raises(WeftError) as error:
        store.publish(version)
    assert PASSWORD not in str(error.value)
    assert sentence(error.value.code, **error.value.detail)
    return error.value


def tables(server: Server) -> list[str]:
    return [row[0] for row in server.sql("SELECT tablename FROM pg_tables WHERE tablename LIKE 'weft_bank%'")]


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"user": "nobody"}, {"database": "nothing"}])
def test_a_wrong_password_user_or_database(
    servers: tuple[Server, Server], banks: tuple[Settings, str, str], store: BankStore, wrong: dict[str, str]
) -> None:
    settings, _, new = banks
    assert refused(BankStore(with_server(settings, url(*servers, **wrong))), new).code == "index_denied"


def test_no_server_at_all(banks: tuple[Settings, str, str], store: BankStore) -> None:
    settings, _, new = banks
    nowhere = BankStore(with_server(settings, "postgresql://weft:secret@127.0.0.1:1/weft"))
    error = refused(nowhere, new)
    assert (error.code, error.detail["reason"]) == ("index_unavailable", "Connection refused")
    both = BankStore(with_server(settings, "postgresql://weft:secret@127.0.0.1:1,127.0.0.1:2/weft"))
    assert refused(both, new).detail["reason"] == "127.0.0.1:1 Connection refused; 127.0.0.1:2 Connection refused"


def test_a_replica_alone_takes_no_version(
    servers: tuple[Server, Server], banks: tuple[Settings, str, str], store: BankStore
) -> None:
    settings, _, new = banks
    assert refused(BankStore(with_server(settings, url(servers[1]))), new).code == "index_read_only"


def test_a_server_without_the_extension(
    servers: tuple[Server, Server], banks: tuple[Settings, str, str], store: BankStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not even have its files, which an extension by another name stands for."""
    real = publication.require_versions

    def asked(opened: Any) -> None:
        opened.execute("CREATE EXTENSION no_such_extension")
        real(opened)

    monkeypatch.setattr(publication, "require_versions", asked)
    assert refused(store, banks[2]).code == "index_no_extension"


@pytest.mark.parametrize(("name", "needed"), [("_POSTGRESQL", 990_000), ("_PGVECTOR", (99, 0))])
def test_a_server_that_is_too_old(
    banks: tuple[Settings, str, str], store: BankStore, monkeypatch: pytest.MonkeyPatch, name: str, needed: Any
) -> None:
    monkeypatch.setattr(publication, name, needed)
    error = refused(store, banks[2])
    assert error.code == "index_too_old"
    assert error.detail["found"].split()[0] in ("PostgreSQL", "pgvector")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes; mounting one needs root."""
    disk = Path(tempfile.mkdtemp(prefix="weft-small-disk-"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=1777", "tmpfs", disk], check=False)
    if mounted.returncode:
        disk.rmdir()
        pytest.skip("no right to mount a small file system")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
        disk.rmdir()


def test_a_full_disk_in_the_middle_leaves_nothing(
    banks: tuple[Settings, str, str], store: BankStore, small_disk: Path
) -> None:
    settings, _, new = banks
    with server() as alone:
        place = small_disk / "tables"
        place.mkdir(mode=0o700)
        owned_by_server(place)
        alone.sql(f"CREATE TABLESPACE small LOCATION '{place}'")
        alone.sql("ALTER DATABASE postgres SET default_tablespace = small")
        error = refused(BankStore(with_server(settings, alone.url)), new)
        assert (error.code, type(error)) == ("index_full", Unavailable)
        assert "No space left" in str(error)
        assert tables(alone) == []
        # With more room it goes through.
        alone.sql("ALTER DATABASE postgres RESET default_tablespace")
        assert BankStore(with_server(settings, alone.url)).index(new) is not None


def test_a_copy_that_answers_otherwise_is_never_seen(
    servers: tuple[Server, Server], banks: tuple[Settings, str, str], store: BankStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory or a disk that turns bits: some rows of one block arrive as those of others."""
    real = publication._blocks

    def blocks(bank: Any) -> Any:
        mixed = np.array(bank.vectors)
        mixed[:4096] = mixed[:4096][::-1]
        yield from real(replace(bank, vectors=mixed))

    monkeypatch.setattr(publication, "_blocks", blocks)
    error = refused(store, banks[2])
    assert (error.code, type(error)) == ("index_copy_differs", BankError)
    assert tables(servers[0]) == []


def test_two_publishers_write_one_table(
    servers: tuple[Server, Server], banks: tuple[Settings, str, str], store: BankStore
) -> None:
    written: list[Any] = []
    threads = [threading.Thread(target=lambda: written.append(store.index(banks[2]))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 2
    # The second has waited, and found the table of the first.
    assert written[0] == written[1]
    assert tables(servers[0]) == [name_of(banks[2])]


def test_a_publisher_that_does_not_end_is_not_awaited_for_ever(
    servers: tuple[Server, Server], banks: tuple[Settings, str, str], store: BankStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    monkeypatch.setattr(publication, "_LOCK_SECONDS", 1.0)
    with psycopg.connect(servers[0].url) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name_of(banks[2])])
        error = refused(store, banks[2])
    assert (error.code, type(error)) == ("index_busy", Conflict)


def test_a_server_that_stands_still_in_the_middle_is_left(
    servers: tuple[Server, Server], banks: tuple[Settings, str, str], store: BankStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "_COPY_SECONDS", 1.0)
    stopped: list[bool] = []

    def stop(done: int, total: int) -> None:
        if done and not stopped:
            stopped.append(True)
            servers[0].stand_still()

    try:
        with pytest.raises(Unavailable) as error:
            store.index(banks[2], stop)
        assert (error.value.code, error.value.detail["reason"]) == ("index_unavailable", "no answer within 1 s")
    finally:
        servers[0].go_on()
    # What was begun is rolled back, and the next one finds the way free.
    assert store.index(banks[2]) is not None


def ranked(store: BankStore, version: str) -> WeftError | None:
    bank = store.load(version)
    queries = np.eye(bank.dim, dtype=np.float32)[:4]
    try:
        rank(bank, queries, PRESETS["standard"])
    except WeftError as error:
        return error
    finally:
        assert store.server is not None
        store.server.close()
    return None


def test_a_worker_is_told_that_the_table_is_missing_or_of_other_files(
    servers: tuple[Server, Server], banks: tuple[Settings, str, str], store: BankStore
) -> None:
    settings, active, new = banks
    worker = BankStore(with_server(settings, url(servers[0])), ranks_only=True)
    error = ranked(worker, active)
    assert error is not None
    assert error.code == "index_missing"
    store.index(active)
    assert ranked(worker, active) is None
    # The table of another version under this one's name.
    store.index(new)
    servers[0].sql(f'DROP TABLE "{name_of(active)}"')
    servers[0].sql(f'ALTER TABLE "{name_of(new)}" RENAME TO "{name_of(active)}"')
    error = ranked(worker, active)
    assert error is not None
    assert (error.code, type(error)) == ("index_differs", Unavailable)
    # Writing it again mends it.
    note = store.index(active)
    assert note is not None
    assert note.sha256 == store.manifest(active).files[VECTORS].sha256
    assert ranked(worker, active) is None


@pytest.mark.parametrize("damage", ["DELETE FROM {} WHERE class = 7", "UPDATE {} SET n = 20999 - n WHERE n < 20000"])
def test_a_table_that_was_meddled_with_is_written_again_while_it_is_read(
    servers: tuple[Server, Server], banks: tuple[Settings, str, str], store: BankStore, damage: str
) -> None:
    active = banks[1]
    first = store.index(active)
    assert store.index(active) == first
    servers[0].sql(damage.format(f'"{name_of(active)}"'))
    waits: list[float] = []

    def read(done: int, total: int) -> None:
        began = time.monotonic()
        servers[0].sql(f'SELECT count(*) FROM "{name_of(active)}" WHERE class = 1')
        waits.append(time.monotonic() - began)

    second = store.index(active, read)
    assert first is not None
    assert second is not None
    assert second.written > first.written
    assert waits
    assert servers[0].sql(f'SELECT count(*), max(n) FROM "{name_of(active)}"') == [(21_000, 20_999)]


def test_a_bank_of_another_model_is_refused_before_the_server_is_asked(
    banks: tuple[Settings, str, str], store: BankStore
) -> None:
    settings, active, _ = banks
    worker = BankStore(with_server(settings, "postgresql://weft:x@127.0.0.1:1/weft"), ranks_only=True)
    with pytest.raises(BankError) as error:
        worker.load(active).require(INFO)
    assert error.value.code == "bank_model_mismatch"


def test_a_password_that_is_changed_stops_a_worker_with_a_sentence(
    servers: tuple[Server, Server], banks: tuple[Settings, str, str], store: BankStore
) -> None:
    settings, active, _ = banks
    store.index(active)
    denied = BankStore(with_server(settings, url(servers[0], password="old")), ranks_only=True)
    error = ranked(denied, active)
    assert error is not None
    assert error.code == "index_denied"


def test_a_replica_that_knows_the_password_is_not_said_to_refuse_it(
    servers: tuple[Server, Server], store: BankStore
) -> None:
    """Its table is missing yet, and the primary is away."""
    alone = BankServer(url(servers[1]), 4)
    with pytest.raises(Unavailable) as error:
        alone.ask(lambda opened: None, primary=True)
    assert error.value.code == "index_unavailable"


def test_names_that_are_longer_than_a_tables_are_told_apart() -> None:
    first, second = "a" * 90 + "1", "a" * 90 + "2"
    assert len({name_of(first), name_of(second)}) == 2
    assert all(len(name_of(version)) <= 63 for version in (first, second, "20261130-202717-abcdef"))


def test_other_tables_of_the_database_are_none_of_its_business(servers: tuple[Server, Server]) -> None:
    servers[0].sql("CREATE TABLE weft_bank_of_somebody (x int)")
    servers[0].sql("COMMENT ON TABLE weft_bank_of_somebody IS 'mine'")
    try:
        assert BankServer(servers[0].url).once(lambda opened, _: all_notes(opened), primary=True) == []
    finally:
        servers[0].sql("DROP TABLE weft_bank_of_somebody")


def test_without_the_package_the_setting_is_refused_with_its_name(
    banks: tuple[Settings, str, str], store: BankStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Any:
        raise Conflict("index_needs_package", package="weft[index]")

    monkeypatch.setattr(connection, "driver", missing)
    assert refused(store, banks[2]).code == "index_needs_package"
