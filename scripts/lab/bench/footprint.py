"""(h) What web and worker take: seconds until they are ready, resident memory, and which libraries they have mapped."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import psutil
import requests

from scripts.lab.bench import product
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.clock import tree
from scripts.lab.bench.product import ROOT, WEFT, BenchError, Product
from scripts.lab.bench.results import Footprint, WebFootprint

#: Shared objects that tell of a library in a process, whatever its sys.modules says.
LIBRARIES = {
    "torch": "libtorch",
    "openvino": "libopenvino",
    "faiss": "faiss",
    "numpy": "_multiarray_umath",
    "pillow": "_imaging.",
}


def measure(bench: Bench) -> Footprint:
    with product.running(bench.template, bench.work, bench.settings, workers=0) as weft:
        web = [_web(weft) for _ in range(bench.pick(2, 5))]
        ready = []
        for number in range(bench.pick(1, 3)):
            began = time.time()
            weft.add_worker()
            weft.await_workers(number + 1)
            found = weft.get("/api/v1/workers")["workers"]
            newest = max(found, key=lambda worker: worker["ready_since"])
            ready.append(newest["ready_since"] - began)
        weft.folder_job(bench.photos.fresh("1mp", 96), 96)
        time.sleep(2.5)
        workers = weft.get("/api/v1/workers")["workers"]
        resident = max(worker["memory_mb"] for worker in workers)
        mapped = _mapped(workers[0]["pid"])
        pss = max(sum(_own_memory(process.pid) for process in tree(worker.pid)) for worker in weft.workers)
    if mapped["torch"]:
        raise BenchError(reason="the worker has torch mapped")
    wrong = [name for name in LIBRARIES if any(one.mapped[name] for one in web)]
    if wrong:
        raise BenchError(reason=f"the web process has {wrong} mapped")
    return Footprint(
        web=web,
        web_ready_s=min(one.ready_s for one in web),
        web_resident_mb=max(one.resident_mb for one in web),
        worker_ready_s=ready,
        worker_mapped=mapped,
        ready_s=min(ready),
        resident_mb=resident,
        worker_pss_mb=round(pss, 1),
    )


def _web(weft: Product) -> WebFootprint:
    """`weft web` beside the running one: from its start to its first answer."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    began = time.perf_counter()
    process = subprocess.Popen([*WEFT, "web", "--port", str(port)], env=weft.env, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        while not _answers(f"http://127.0.0.1:{port}/healthz"):
            if process.poll() is not None or time.perf_counter() - began > 60:
                raise BenchError(reason=f"weft web does not answer: {process.poll()}")
            time.sleep(0.01)
        ready = time.perf_counter() - began
        for path in ("/", "/api/v1/jobs", "/metrics"):
            requests.get(f"http://127.0.0.1:{port}{path}", timeout=30).raise_for_status()
        servers = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        shares = [_own_memory(server.pid) for server in servers]
        mapped = {name: any(_mapped(server.pid)[name] for server in servers) for name in LIBRARIES}
        return WebFootprint(ready_s=ready, resident_mb=round(sum(shares), 1), mapped=mapped)
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False


def _own_memory(pid: int) -> float:
    """Proportional set size in MiB: what several processes share is divided among them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _mapped(pid: int) -> dict[str, bool]:
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
    return {name: mark in maps for name, mark in LIBRARIES.items()}
