"""A whole Weft for measuring: `weft up` in a data folder of its own, spoken to over HTTP as a user would."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from scripts.lab.bench.clock import Reading, reading
from shared.core.documents import Document
from shared.core.errors import WeftError

ROOT = Path(__file__).resolve().parents[3]
WEFT = (sys.executable, "-m", "scripts.cli")
#: Seconds that start-up may take on a machine that others use.
START_SECONDS = 240.0
POLL = 0.02


class BenchError(WeftError):
    """A measurement could not be made."""

    code = "internal"


class JobAnswer(Document):
    """What the bench reads of a job's JSON. Times in seconds since the epoch."""

    state: str
    total: int
    ok: int
    failed: int
    duplicates: int
    cached: int
    created: float
    finished: float | None


@dataclass
class Product:
    """A running `weft up`, and workers started beside it."""

    process: subprocess.Popen[bytes]
    data: Path
    env: dict[str, str]
    url: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    http: requests.Session = field(default_factory=requests.Session)

    @property
    def pids(self) -> list[int]:
        """Heads of all its process trees."""
        return [self.process.pid, *(worker.pid for worker in self.workers)]

    def get(self, path: str) -> Any:
        answer = self.http.get(f"{self.url}{path}", timeout=30)
        answer.raise_for_status()
        return answer.json()

    def submit_folder(self, folder: Path) -> str:
        """Submit a folder below the product's root; returns the job's id."""
        answer = self.http.post(f"{self.url}/api/v1/jobs/folder", json={"path": str(folder)}, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["id"])

    def wait(self, job: str, seconds: float = 3600) -> JobAnswer:
        """Poll until the job is finished, as a page does; returns it."""
        deadline, pause = time.monotonic() + seconds, POLL
        while True:
            found = JobAnswer.from_json(self.get(f"/api/v1/jobs/{job}"))
            if found.state == "finished":
                return found
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise BenchError(reason=f"job {job} is {found.state} with {found.ok} of {found.total}")
            time.sleep(pause)
            # The last answer is late by a fiftieth of the job at most.
            pause = min(0.5, pause * 1.1)

    def folder_job(self, folder: Path, count: int, cached: int | None = None) -> Reading:
        """A folder from its submission to its last result. Raises BenchError where counts are not what they must be."""
        with reading(count, *self.pids) as taken:
            job = self.wait(self.submit_folder(folder))
        counts = (job.ok, job.failed, job.duplicates)
        if counts != (count, 0, 0) or (cached is not None and job.cached != cached):
            raise BenchError(reason=f"wanted {count} ok and {cached} cached, got {job}")
        # The ledger's own clock: from the request to the last commit, without the wait until the next poll.
        taken.wall = (job.finished or 0.0) - job.created
        return taken

    def classify(self, photo: Path) -> float:
        """Seconds that one waiting user waits."""
        began = time.perf_counter()
        with photo.open("rb") as file:
            answer = self.http.post(
                f"{self.url}/api/v1/classify?wait=30", files={"file": (photo.name, file)}, timeout=60
            )
        if answer.status_code != 200:
            raise BenchError(reason=answer.text[:300])
        return time.perf_counter() - began

    def add_worker(self, core: int | None = None, **settings: str) -> None:
        """Start `weft worker` beside it, bound to one core where one is named."""
        env = self.env | {f"WEFT_{name.upper()}": value for name, value in settings.items()}
        log = (self.data / f"worker-{len(self.workers)}.log").open("wb")
        prefix = ["taskset", "-c", str(core)] if core is not None else []
        argv = [*prefix, *WEFT, "worker"]
        self.workers.append(subprocess.Popen(argv, env=env, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT))

    def await_workers(self, count: int) -> None:
        """Until so many workers are warm."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                found = self.get("/api/v1/workers")["workers"]
                if sum(worker["state"] in ("ready", "busy") for worker in found) >= count:
                    return
            except requests.RequestException:
                found = None
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise BenchError(reason=f"workers are not ready: {found}; {self._log()}")
            time.sleep(0.05)

    def stop_workers(self) -> None:
        """End those that were started beside it."""
        _end(self.workers, signal.SIGTERM)
        self.workers.clear()

    def stop(self) -> None:
        self.stop_workers()
        _end([self.process], signal.SIGINT)

    def _log(self) -> str:
        return (self.data / "up.log").read_text("utf-8", "replace")[-2000:]


@contextmanager
def running(
    template: Path, work: Path, settings: Mapping[str, str], workers: int = 1, key: str = ""
) -> Iterator[Product]:
    """`weft up` on a copy of the data folder `template`; ready, unless `workers` is 0. It asks for `key`, if given."""
    data = work / f"up-{time.monotonic_ns()}"
    shutil.copytree(template, data, copy_function=_link)
    port = _free_port()
    chosen = {"folder_roots": str(work), "lang": "en"} | dict(settings) | {"data_dir": str(data), "port": str(port)}
    env = environment(**(chosen | {"api_key": key} if key else chosen))
    with (data / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [*WEFT, "up", "--workers", str(workers)], env=env, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
        )
    product = Product(process, data, env, f"http://127.0.0.1:{port}")
    if key:
        product.http.headers["Authorization"] = f"Bearer {key}"
    try:
        product.await_workers(workers)
        yield product
    finally:
        product.stop()
        shutil.rmtree(data, ignore_errors=True)


def environment(**settings: str) -> dict[str, str]:
    """This process's environment with no WEFT_ settings but these."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("WEFT_")}
    return env | {f"WEFT_{name.upper()}": value for name, value in settings.items()}


def weft(arguments: Sequence[str | Path], **settings: str) -> None:
    """Run one command to its end. Raises BenchError with what it said."""
    done = subprocess.run(
        [*WEFT, *map(str, arguments)],
        env=environment(**settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(reason=f"weft {arguments[0]}: {(done.stderr or done.stdout)[-1000:]}")


def _end(processes: Sequence[subprocess.Popen[bytes]], sig: signal.Signals) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(sig)
    for process in processes:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _link(source: str, target: str) -> str:
    """Models are large and never written in place: a hard link is a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
