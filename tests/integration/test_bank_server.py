"""A large bank on a PostgreSQL server: the same answers as from its files, whichever server of the URL gives them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import SecretStr

from shared.bank.bank import Bank
from shared.bank.manifest import VECTORS
from shared.bank.ranking_fit import Method
from shared.bank.server import query
from shared.bank.server.connection import BankServer
from shared.bank.server.tables import name_of
from shared.bank.store import BankStore
from shared.core.errors import Unavailable
from shared.core.settings import Settings
from shared.encoder import describe
from shared.ranking.class_samples import Best, ClassSamples
from shared.ranking.model import PRESETS, Ranking
from shared.ranking.ranker import Ranker
from shared.ranking.server_samples import ServerSamples
from tests.bank_servers import Server, caught_up, needs_servers, pair, url
from tests.banks import make_large_bank

pytestmark = needs_servers

Floats = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    with pair() as both:
        yield both


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank") / "data"
    make_large_bank(Settings(data_dir=folder, engine="null"))
    return folder


@pytest.fixture
def settings(data_dir: Path, servers: tuple[Server, Server]) -> Settings:
    return Settings(data_dir=data_dir, engine="null", index_url=SecretStr(url(*servers)), lease_seconds=4)


@pytest.fixture
def served(settings: Settings) -> Iterator[Bank]:
    """The bank as a worker opens it: its table is written, its vectors are not here."""
    store = BankStore(settings, ranks_only=True)
    store.index(store.current() or "")
    yield store.load()
    assert store.server is not None
    store.server.close()


@pytest.fixture
def local(settings: Settings) -> Bank:
    return BankStore(settings).load()


@pytest.fixture
def queries(settings: Settings) -> Floats:
    """Photos that lie near samples, and some that do not."""
    rng = np.random.default_rng(3)
    near = BankStore(settings).load().vectors[:: 21000 // 40].astype(np.float32)
    near = near + 0.05 * rng.normal(size=near.shape).astype(np.float32)
    far = rng.normal(size=(8, near.shape[1])).astype(np.float32)
    both = np.concatenate([near, far])
    return (both / np.linalg.norm(both, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)


def kept(bank: Bank, count: int, classes: int = 10) -> npt.NDArray[np.int64]:
    rng = np.random.default_rng(5)
    return np.stack([rng.choice(len(bank.labels), classes, replace=False) for _ in range(count)])


def assert_same(found: Best, right: Best, vectors: npt.NDArray[np.float16], queries: Floats) -> None:
    assert found.rows.shape == right.rows.shape
    assert (np.isfinite(found.cosines) == np.isfinite(right.cosines)).all()
    there = np.isfinite(right.cosines)
    np.testing.assert_allclose(found.cosines[there], right.cosines[there], atol=1e-3)
    # Another row only where both have the same cosine but for rounding.
    for place in np.argwhere(found.rows != right.rows):
        row = vectors[found.rows[tuple(place)]].astype(np.float32)
        assert abs(row @ queries[place[0]] - right.cosines[tuple(place)]) < 1e-5
    if right.density is not None:
        assert found.density is not None
        np.testing.assert_allclose(found.density, right.density, atol=1e-3)


@pytest.mark.parametrize(("k", "beta"), [(1, None), (3, None), (3, 10.0), (70, None), (70, 30.0)])
def test_the_server_finds_the_samples_that_the_files_have(
    served: Bank, local: Bank, queries: Floats, k: int, beta: float | None
) -> None:
    assert served.server is not None
    assert len(served.vectors) == 0
    classes = kept(local, len(queries))
    right = ClassSamples(local.vectors, local.starts).best(queries, classes, k, beta)
    assert_same(ServerSamples(served, served.server).best(queries, classes, k, beta), right, local.vectors, queries)


def test_a_large_question_is_asked_in_parts(
    served: Bank, local: Bank, queries: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "_MAX_VALUES", 3 * 10 * 60 * local.dim)
    classes = kept(local, len(queries))
    assert len(query.parts(classes, local.counts, local.dim)) == -(-len(queries) // 3)
    assert served.server is not None
    right = ClassSamples(local.vectors, local.starts).best(queries, classes, 3, 10.0)
    assert_same(ServerSamples(served, served.server).best(queries, classes, 3, 10.0), right, local.vectors, queries)


METHODS = [Method("samples", k=3, centroid=0.5), Method("samples", k=1), Method("tip", beta=10.0)]


def essence(answers: list[Ranking]) -> list[tuple[object, ...]]:
    return [(a.label, a.verdict, [(c.label, c.sample) for c in a.candidates]) for a in answers]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.name}-{method.k}")
def test_photos_get_the_same_answers(served: Bank, local: Bank, queries: Floats, method: Method) -> None:
    def ranked(bank: Bank) -> list[Ranking]:
        fit = bank.manifest.ranking.model_copy(update={"method": method})
        manifest = bank.manifest.model_copy(update={"ranking": fit})
        return Ranker(replace(bank, manifest=manifest, rankers={}), PRESETS["standard"]).rank(queries)

    assert essence(ranked(served)) == essence(ranked(local))


def test_a_table_says_what_it_was_made_of_and_how_it_was_checked(settings: Settings, served: Bank) -> None:
    note = BankStore(settings).index(served.version)
    assert note is not None
    assert note.sha256 == served.manifest.files[VECTORS].sha256
    assert (note.version, note.rows, note.dim) == (served.version, 21_000, served.dim)
    assert note.compared == 200
    assert note.difference < 1e-4


def test_a_replica_that_is_behind_leaves_the_question_to_the_primary(
    settings: Settings, servers: tuple[Server, Server], served: Bank, queries: Floats
) -> None:
    primary, replica = servers
    caught_up(primary, replica)
    replica.sql("SELECT pg_wal_replay_pause()")
    try:
        version = make_large_bank(settings, classes=360, name="later", publish=False)
        BankStore(settings).index(version)
        server = BankServer(url(replica, primary), 4)
        bank = replace(BankStore(settings, ranks_only=True).load(version), server=server)
        assert not replica.sql(f"SELECT 1 FROM pg_tables WHERE tablename = '{name_of(version)}'")
        found = ServerSamples(bank, server).best(queries, kept(bank, len(queries)), 3)
        assert (found.rows >= 0).all()
        server.close()
    finally:
        replica.sql("SELECT pg_wal_replay_resume()")


def test_a_server_that_stands_still_is_left_for_the_next(
    servers: tuple[Server, Server], local: Bank, served: Bank, queries: Floats
) -> None:
    primary, replica = servers
    caught_up(primary, replica)
    server = BankServer(url(primary, replica), 4)
    samples = ServerSamples(replace(served, server=server), server)
    classes = kept(local, len(queries))
    right = ClassSamples(local.vectors, local.starts).best(queries, classes, 3)
    primary.stand_still()
    try:
        assert_same(samples.best(queries, classes, 3), right, local.vectors, queries)
    finally:
        primary.go_on()
    server.close()


def test_without_any_server_the_wait_is_short_and_ends_by_itself(
    servers: tuple[Server, Server], local: Bank, served: Bank, queries: Floats
) -> None:
    primary, _ = servers
    server = BankServer(url(primary), 4)
    samples = ServerSamples(replace(served, server=server), server)
    classes = kept(local, len(queries))
    primary.stand_still()
    try:
        with pytest.raises(Unavailable) as refused:
            samples.best(queries, classes, 3)
        assert refused.value.code == "index_unavailable"
        assert server.failure is not None
        assert server.away() is not None
    finally:
        primary.go_on()
    # While it rests it says so without asking.
    deadline = time.monotonic() + 60
    while server.away() is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert server.failure is None
    samples.best(queries, classes, 3)
    server.close()


def test_threads_ask_at_the_same_time(served: Bank, local: Bank, queries: Floats) -> None:
    assert served.server is not None
    samples, classes = ServerSamples(served, served.server), kept(local, len(queries))
    right = samples.best(queries, classes, 3)
    found: list[Best] = []
    threads = [threading.Thread(target=lambda: found.append(samples.best(queries, classes, 3))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert all((one.rows == right.rows).all() and (one.cosines == right.cosines).all() for one in found)


def test_small_banks_stay_where_they_are(settings: Settings, tmp_path: Path) -> None:
    other = settings.model_copy(update={"data_dir": tmp_path, "index_url": SecretStr("postgresql://127.0.0.1:1/x")})
    version = make_large_bank(other, classes=10, each=5)
    store = BankStore(other, ranks_only=True)
    assert store.index(version) is None
    assert len(store.load(version).vectors) == 50
    assert describe(other).dim == store.load(version).dim
