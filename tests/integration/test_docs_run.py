"""The commands in the documents do what is written beside them: each is run, in the order in which it stands there.

Names of people's folders, jobs and hosts are replaced by those of this test. What needs root, containers, weights or a
server program has a test of its own, which `ELSEWHERE` names.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from tests.banks import save_npz
from tests.product import ROOT, Product, eventually, make_photos, run_product

pytestmark = pytest.mark.slow

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Lines of which another test runs more than could be run here: a pattern, and that test.
ELSEWHERE = {
    r"^make (run|test)\b": "the newcomer's way: .ci/run",
    r"docker|^\s+redis-server|^cp \.env": "tests/compose",
    r"^(useradd|install|systemctl)\b|deploy/systemd": "tests/integration/test_systemd.py",
    r"^weft bundle|^tar |install_offline|up --demo": "tests/integration/test_bundle.py",
    r"^WEFT_\w+=\S+ *(WEFT_\w+=\S+ *)*(#.*)?$|^WEFT_AUTH_GROUPS=": "settings: tests/integration/test_proxies.py",
    r"make run": "weights: tests/integration/test_embedded_model.py, test_model_families.py",
    r"RESTIC|restic|/var/backups": "tests/integration/test_backup_encrypted.py",
    r"weft worker": "works until it is ended: tests/hosts, tests/integration/test_up_external_redis.py",
    r"weft evaluate  ": "needs vectors that mean something: tests/unit/test_evaluate_learning.py",
    r"ARCH/TAG": "weights: tests/integration/test_banks_side_by_side.py, tests/unit/test_evaluate_compare.py",
}
EXAMPLE_JOB = "1m85xsyda61a1"
#: Columns of the demo model's vectors.
DEMO_COLUMNS = 384


def blocks() -> Iterator[tuple[str, list[str]]]:
    """Where a block of commands stands, and its lines but for comments and continuations."""
    for document in DOCUMENTS:
        text = document.read_text("utf-8")
        for found in re.finditer(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            line = text[: found.start()].count("\n") + 1
            lines = [one for one in found[1].replace("\\\n", " ").splitlines() if one.strip() and one[0] != "#"]
            yield f"{document.name}:{line}", lines


def elsewhere(line: str) -> bool:
    return any(re.search(pattern, line) for pattern in ELSEWHERE)


BLOCKS = [(place, kept) for place, lines in blocks() if (kept := [line for line in lines if not elsewhere(line)])]


@dataclass
class Reader:
    """Somebody who types what a document says, in a home of their own."""

    product: Product
    home: Path
    key: str = ""
    _number: Iterator[int] = field(default_factory=itertools.count)

    def prepare(self) -> None:
        for name in ("photos/autumn", "photos/spring"):
            make_photos(self.home / name, 2, 3)
        make_photos(self.product.photos / "spring", 2, 3)
        make_photos(self.home / "reference", 5, 8)
        picture = (self.home / "photos/autumn/stripe-0/0.jpg").read_bytes()
        for name in ("a.jpg", "swatch.jpg"):
            (self.home / name).write_bytes(picture)
        subprocess.run([sys.executable, "-m", "zipfile", "-c", "b.zip", "photos/autumn"], cwd=self.home, check=True)
        rows = np.random.default_rng(1).normal(size=(30, DEMO_COLUMNS)).astype(np.float32)
        save_npz(self.home / "legacy.npz", {"denim": rows[:15], "silk": rows[15:]})
        (self.home / ".weft-key").write_text("a-key-of-the-reader")
        for folder in (self.home / ".venv/bin", self.home / "bin"):
            folder.mkdir(parents=True)
            command = folder / "weft"
            command.write_text(f'#!/bin/sh\nexec {sys.executable} -m scripts.cli "$@"\n')
            command.chmod(0o755)

    def ended(self) -> str:
        """A new job that has ended."""
        job = self._submit()
        eventually(lambda: self._job(job)["state"] == "finished", what="the job's end")
        return job

    def waiting(self) -> str:
        """A new job that waits for its hours."""
        soon = datetime.now().astimezone() + timedelta(hours=2)
        job = self._submit(window=f"{soon:%H:%M}-{soon + timedelta(hours=1):%H:%M}")
        eventually(lambda: self._job(job)["state"] == "off_hours", what="a job that waits")
        return job

    def versions(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self._http("GET", "/bank/versions").json()["versions"]
        return listed

    def names(self, line: str) -> str:
        """The line with names of this test."""
        if EXAMPLE_JOB in line:
            line = line.replace(EXAMPLE_JOB, self.ended())
        line = re.sub(r"\bID\b", lambda _: self.waiting(), line)
        if "VERSION" in line:
            line = line.replace("VERSION", self.versions()[0]["version"])
        line = line.replace("/mnt/photos/spring", str(self.product.photos / "spring"))
        for address in ("http://127.0.0.1:8000", "http://HOST:8000", "https://weft.example.org"):
            line = line.replace(address, self.product.url)
        return line.replace("curl ", "curl -sS --fail-with-body ")

    def types(self, lines: list[str]) -> list[tuple[str, str]]:
        """Runs the lines one by one; what failed, with its output. `export` holds for the lines after it."""
        failed, exported = [], []
        for line in map(self.names, lines):
            if line.startswith("export "):
                exported.append(line)
                continue
            done = subprocess.run(
                ["sh", "-c", "\n".join([*exported, line])],
                cwd=self.home,
                env=self.product.env
                | {"HOME": str(self.home), "PYTHONPATH": str(ROOT), "KEY": self.key}
                | {"PATH": f"{self.home / 'bin'}:{os.environ['PATH']}"},
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            if found := re.search(r"^(weft_\S+|wk_\S+)$", done.stdout, re.MULTILINE):
                self.key = found[1]
            if done.returncode:
                failed.append((line, done.stdout + done.stderr))
        return failed

    def _submit(self, **more: str) -> str:
        folder = make_photos(self.product.photos / f"job-{next(self._number)}-{time.monotonic_ns()}", 1, 2)
        return str(self._http("POST", "/jobs/folder", json={"path": str(folder), **more}).json()["id"])

    def _job(self, job: str) -> Any:
        return self._http("GET", f"/jobs/{job}").json()

    def _http(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        answer = requests.request(method, f"{self.product.url}/api/v1{path}", headers=headers, timeout=60, **more)
        assert answer.ok, answer.text
        return answer


@pytest.fixture(scope="module")
def reader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Each document begins with a product of its own."""
    folder = tmp_path_factory.mktemp(request.param)
    roots = folder / "server"
    roots.mkdir()
    (folder / "bank").mkdir()
    # A class that the documents name.
    make_photos(folder, 1, 8).joinpath("stripe-0").rename(folder / "bank" / "牛仔布")
    with run_product(folder, folder_roots=str(roots)) as product:
        made = Reader(product, folder / "home")
        made.prepare()
        yield made


def test_most_commands_are_run_here() -> None:
    assert sum(len(lines) for _, lines in BLOCKS) >= 40


@pytest.mark.parametrize(
    ("reader", "lines"),
    [pytest.param(place.split(":")[0], lines, id=place) for place, lines in BLOCKS],
    indirect=["reader"],
)
def test_commands_do_what_is_said(reader: Reader, lines: list[str]) -> None:
    failed = reader.types(lines)
    assert failed == [], "\n\n".join(f"{line}\n{output}" for line, output in failed)
