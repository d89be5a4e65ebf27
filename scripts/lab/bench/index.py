"""(r) What ranking costs through a bank server (WEFT_INDEX_URL), beside the same bank in mapped files."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
from threadpoolctl import threadpool_limits

from scripts.lab.bench.bench import Bench
from scripts.lab.bench.product import BenchError
from scripts.lab.bench.ranking import LARGE_METHODS, MICRO_BATCH, exact, large_bank, words
from scripts.lab.bench.results import Served, ServedCost
from shared.bank.bank import Bank
from shared.bank.manifest import VECTORS, FileEntry
from shared.bank.ranking_fit import Method
from shared.bank.server.connection import BankServer
from shared.bank.server.publication import publish
from shared.bank.server.tables import drop, name_of
from shared.core.settings import Settings
from shared.ranking.methods import Floats
from shared.ranking.model import PRESETS
from shared.ranking.ranker import Ranker

#: (classes, samples of each, columns).
BANKS = ((2000, 100, 512), (2000, 500, 512))
_ROUNDS = 3
_CHECKED = 32


def measure(bench: Bench) -> ServedCost:
    """Raises BenchError where no bank server is set."""
    server = BankServer.of(Settings())
    if server is None:
        raise BenchError(reason="left out: WEFT_INDEX_URL names no bank server")
    found: list[Served] = []
    with tempfile.TemporaryDirectory(dir=bench.work) as name, threadpool_limits(1):
        for classes, each, dim in BANKS[:1] if bench.quick else BANKS:
            bench.say(f"bank server: {classes} classes of {each}")
            found += _served(Path(name), server, classes, each, dim)
            (Path(name) / VECTORS).unlink()
    server.close()
    costs = [one.client_cpu_ms + (one.server_cpu_ms or 0) for one in found if one.vectors == BANKS[0][0] * BANKS[0][1]]
    return ServedCost(banks=found, index_ms=max(costs), index_exact=min(one.exact for one in found))


def _served(folder: Path, server: BankServer, classes: int, each: int, dim: int) -> list[Served]:
    plain, asked = large_bank(folder, classes, each, dim)
    counts = plain.manifest.counts.model_copy(update={"samples": classes * each})
    files = {**plain.manifest.files, VECTORS: FileEntry(bytes=0, sha256=f"bench {classes} {each} {dim}")}
    bank = replace(plain, manifest=plain.manifest.model_copy(update={"counts": counts, "files": files}))
    began = time.perf_counter()
    note = publish(server, bank)
    seconds = time.perf_counter() - began
    try:
        size = server.ask(lambda connection: connection.execute(_SIZE, [f'"{name_of(bank.version)}"']).fetchone())
        assert size is not None
        far = replace(bank, vectors=np.empty((0, dim), np.float16), server=server)
        table = {"publish_s": round(seconds, 1), "table_mb": round(size[0] / 2**20, 1), "compared": note.compared}
        return [_compared(bank, far, method, asked).model_copy(update=table) for method in LARGE_METHODS]
    finally:
        server.once(lambda connection, _: drop(connection, bank.version), primary=True, seconds=60)


_SIZE = "SELECT pg_total_relation_size(%s::regclass)"


def _compared(bank: Bank, far: Bank, method: Method, asked: Floats) -> Served:
    """In turns: what others take of the machine meanwhile they take of both."""
    near, there = (_ranker(one, method) for one in (bank, far))
    backend = _backend(far)
    best = {"local": (np.inf, np.inf, 0.0), "served": (np.inf, np.inf, 0.0)}
    for _ in range(_ROUNDS + 1):
        for name, ranker in (("local", near), ("served", there)):
            wall, cpu, server_cpu = time.perf_counter(), time.process_time(), _cpu(backend)
            for start in range(0, len(asked), MICRO_BATCH):
                ranker.rank(asked[start : start + MICRO_BATCH])
            took = (time.perf_counter() - wall, time.process_time() - cpu, _cpu(backend) - server_cpu)
            best[name] = min(best[name], took, key=lambda one: one[1] + one[2])

    def ms(seconds: float) -> float:
        return round(seconds / len(asked) * 1e3, 3)

    wall, client, served = best["served"]
    return Served(
        classes=len(bank.labels),
        vectors=bank.rows,
        dimensions=bank.dim,
        method=words(method),
        local_cpu_ms=ms(best["local"][1]),
        client_cpu_ms=ms(client),
        server_cpu_ms=ms(served) if backend else None,
        ms_a_photo=ms(wall),
        exact=exact(there, asked[:_CHECKED], bank.vectors),
    )


def _ranker(bank: Bank, method: Method) -> Ranker:
    ranking = bank.manifest.ranking.model_copy(update={"method": method})
    return Ranker(
        replace(bank, manifest=bank.manifest.model_copy(update={"ranking": ranking}), rankers={}), PRESETS["standard"]
    )


def _backend(bank: Bank) -> psutil.Process | None:
    """The server's process of our connection, where it is on this machine."""
    assert bank.server is not None
    pid = bank.server.ask(lambda connection: connection.info.backend_pid)
    try:
        process = psutil.Process(pid)
        return process if "postgres" in process.name() else None
    except psutil.Error:
        return None


def _cpu(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system)
