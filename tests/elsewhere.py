"""A server elsewhere for tests, and the command line as a client of it: without its data folder, with its key."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job
from tests.bank_api import built_bank
from tests.environment import clean_environment
from tests.product import ROOT, WEFT
from tests.web_server import serving

KEY = "a-key-of-more-than-16-letters"


@dataclass
class Elsewhere:
    """A `weft web` with Redis, a bank and a key, and no worker; and a user's home on another machine."""

    settings: Settings
    port: int
    home: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ledger(self) -> Ledger:
        return Ledger.connect(self.settings)

    def jobs(self) -> list[Job]:
        """The newest first."""
        return self.ledger.listed(500)

    def items(self, job: str) -> list[tuple[str, str | None]]:
        """Name and SHA-256 of every photo, in the job's order."""
        return [(item.name, item.sha256) for item in self.ledger.items(job)]

    def environment(self, url: str = "", **settings: str) -> dict[str, str]:
        """Of the client; `settings`: WEFT_ names in lower case."""
        chosen = {"url": url or self.url, "key": KEY, "lang": "en", **settings}
        clean = clean_environment()
        return (
            clean
            | {"HOME": str(self.home), "XDG_CACHE_HOME": str(self.home / ".cache"), "PYTHONPATH": str(ROOT)}
            | {f"WEFT_{name.upper()}": value for name, value in chosen.items() if value}
        )

    def weft(self, *line: str | Path, url: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        """One command of the client, run in its home."""
        return subprocess.run(
            [*WEFT, *map(str, line)],
            env=self.environment(url, **settings),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def submit(self, *line: str | Path, url: str = "", code: int = 0, **settings: str) -> tuple[dict[str, Any], str]:
        """The document that `weft submit --json` prints, and what it says to people."""
        done = self.weft("submit", *line, "--json", url=url, **settings)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout), done.stderr


@contextmanager
def elsewhere(folder: Path, **chosen: object) -> Iterator[Elsewhere]:
    """`chosen`: further settings of the server."""
    settings = Settings(data_dir=folder / "data", engine="null", appendfsync="everysec")
    built_bank(settings, folder / "bank")
    (folder / "home").mkdir()
    with (
        embedded.running(settings),
        serving(settings, folder / "web.log", **{"api_key": KEY, "request_seconds": 20} | chosen) as server,
    ):
        yield Elsewhere(settings, server.port, folder / "home")


def some_photos(folder: Path, count: int, size: int = 3000, seed: str = "") -> Path:
    """Files that only their bytes tell apart."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        head = f"{seed or folder.name} {number} ".encode()
        (folder / f"{number:04}.jpg").write_bytes(b"\xff\xd8\xff" + head * (size // len(head)))
    return folder


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def contents(folder: Path) -> list[tuple[str, str]]:
    """Name in the job and SHA-256 of every photo, in the job's order."""
    return [(f"{folder.name}/{path.name}", sha(path)) for path in sorted(folder.iterdir()) if path.suffix == ".jpg"]
