"""The containers of docker-compose.yml, built from this checkout, beside a folder of photos."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import requests

from scripts.render import jpeg, render

ROOT = Path(__file__).resolve().parents[2]
#: Seconds that building the images may take: the one that converts models has torch.
BUILD_SECONDS = 5400.0
#: Seconds that any condition may take.
PATIENCE_SECONDS = 900.0
#: What was measured: names and seconds, printed at the end.
Times = dict[str, float]


def command() -> list[str] | None:
    """`docker compose`, or Debian's `docker-compose`; None where no engine answers."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        return None
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else None


@dataclass
class Site:
    """One project of docker compose."""

    compose: list[str]
    folder: Path
    key: str
    port: int
    version: str
    times: Times = field(default_factory=dict)

    def run(self, *arguments: str, timeout: float = PATIENCE_SECONDS) -> str:
        """`docker compose ARGUMENTS`; its standard output. Raises AssertionError with what it said if it fails."""
        done = subprocess.run(
            [*self.compose, "--profile", "demo", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def up(self, workers: int) -> None:
        self.run("up", "-d", "--scale", f"worker={workers}")

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers."""
        return self.run("ps", "-q", service).split()

    def call(self, method: str, path: str, **more: Any) -> Any:
        """A request with the key; its JSON. Raises requests' exceptions."""
        headers = {"Authorization": f"Bearer {self.key}"}
        url = f"http://127.0.0.1:{self.port}{path}"
        answer = requests.request(method, url, headers=headers, timeout=60, **more)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def warm(self) -> list[str]:
        """Ids of the workers that have their model."""
        workers = self.call("GET", "/api/v1/workers")["workers"]
        return [worker["id"] for worker in workers if worker["state"] in ("ready", "busy")]

    @property
    def project(self) -> str:
        return f"weft-{self.version}"

    def status_without_key(self, path: str) -> int:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=60).status_code

    def await_workers(self, count: int) -> None:
        """Waits until exactly so many are warm and photos can be classified."""
        eventually(lambda: len(self.warm()) == count and self.call("GET", "/readyz") is not None, f"{count} workers")

    def remove(self) -> None:
        """Containers, volumes and the images that were built here; images that were pulled stay."""
        print(f"\nseconds: {self.times}\nimages: {self.image_sizes()}")
        self.run("down", "--volumes", "--remove-orphans")
        subprocess.run(["docker", "image", "rm", *self.image_sizes()], capture_output=True, check=False)

    def image_sizes(self) -> dict[str, str]:
        """Of this project's images, as Docker tells them."""
        line = ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}} {{.Size}}"]
        listed = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
        return dict(row.split(" ", 1) for row in listed if f":{self.version} " in row)

    def documented(self, which: str, **places: str) -> None:
        """Runs the block below `<!-- run: … -->` in docs/operations.md, with other texts in place of some."""
        text = (ROOT / "docs" / "operations.md").read_text("utf-8")
        found = re.search(rf"<!-- run: {which} -->\n```sh\n(.*?)```", text, re.DOTALL)
        assert found, which
        script = found[1].replace("docker compose", " ".join(self.compose))
        for place, other in places.items():
            assert place in script, place
            script = script.replace(place, other)
        done = subprocess.run(
            ["sh", "-e", "-x", "-c", script], cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE_SECONDS,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{which}: {done.stdout[-3000:]}{done.stderr[-3000:]}"

    def all_results(self) -> dict[str, list[dict[str, Any]]]:
        """Every item of every job."""
        return {job["id"]: self.results(job["id"]) for job in self.call("GET", "/api/v1/jobs")["jobs"]}

    def check_whole(self, job_id: str, photos: int) -> None:
        """Every photo has one result, and none failed."""
        rows = self.results(job_id)
        assert len(rows) == len({row["name"] for row in rows}) == photos
        assert [row for row in rows if row["status"] != "ok"] == []

    def await_end(self, job_id: str) -> None:
        eventually(lambda: self.ended(job_id), f"the end of {job_id}")

    def ended(self, job_id: str) -> bool:
        return bool(self.job(job_id)["state"] == "finished")

    def job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/api/v1/jobs/{job_id}")
        return found

    def submit(self, folder: str) -> str:
        """A job over a folder of the mounted photos; its id."""
        return str(self.call("POST", "/api/v1/jobs/folder", json={"path": f"/photos/{folder}"})["id"])

    def results(self, job_id: str) -> list[dict[str, Any]]:
        """Every item of a job, from its JSON lines."""
        headers = {"Authorization": f"Bearer {self.key}"}
        url = f"http://127.0.0.1:{self.port}/api/v1/jobs/{job_id}/export"
        answer = requests.get(url, params={"format": "jsonl"}, headers=headers, timeout=120)
        assert answer.ok, answer.text
        return [json.loads(line) for line in answer.text.splitlines() if line]

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.times[name] = round(time.monotonic() - started, 1)


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Waits for a condition, through refused connections. Raises AssertionError after `PATIENCE_SECONDS`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    last: object = None
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (requests.ConnectionError, requests.Timeout, AssertionError) as error:
            last = error
        time.sleep(1)
    raise AssertionError(f"{what} was not met within {PATIENCE_SECONDS:.0f} s: {last}")


def checkout(target: Path, commit: str = "HEAD") -> None:
    """What is committed, as a clone would have it."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(target, filter="data")


def make_photos(folder: Path, count: int) -> None:
    """Rendered cloths, every file another one; readable by the user of the containers."""
    folder.mkdir(parents=True)
    cloths = [jpeg(render(name, seed)) for name in ("denim", "satin", "jersey") for seed in range(4)]
    for number in range(count):
        # Behind the end of the picture: what a viewer shows stays, the SHA-256 does not.
        (folder / f"{number:05}.jpg").write_bytes(
            cloths[number % len(cloths)] + b"%d %s" % (number, folder.name.encode())
        )


def prepared(folder: Path, compose: list[str], name: str = "test", commit: str = "HEAD") -> Site:
    """A checkout with `.env` and rendered photos, nothing built or started yet."""
    checkout(folder, commit)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    key, version = secrets.token_hex(16), f"{name}-{os.getpid()}"
    lines = (
        f"COMPOSE_PROJECT_NAME=weft-{version}",
        f"WEFT_REDIS_PASSWORD={secrets.token_hex(16)}",
        f"WEFT_API_KEY={key}",
        f"WEFT_PORT={port}",
        f"WEFT_VERSION={version}",
        # Leases end soon, so that a killed worker's photos are taken over within a minute.
        "WEFT_LEASE_SECONDS=10",
    )
    (folder / ".env").write_text("\n".join(lines) + "\n", encoding="utf-8")
    make_photos(folder / "photos" / "night", 3000)
    make_photos(folder / "photos" / "later", 200)
    return Site(compose, folder, key, port, version)
