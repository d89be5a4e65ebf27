"""A submission to a server elsewhere whose client is killed at random requests, and begun again until it is through."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.front import Front
from tests.product import WEFT

#: Requests of an undisturbed submission of `PHOTOS`: the upload, its offers, batches of 40, the job.
PHOTOS, REQUESTS = 1000, 29


@dataclass
class Run:
    """One run of the client, killed at a request of its own; 0: not at all."""

    command: list[str]
    env: dict[str, str]
    at: int
    #: When the server has answered, instead of before it has the request.
    late: bool
    strike: Callable[[], None] | None
    hit: str = ""
    _seen: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> int:
        """The exit code: 0, of SIGKILL, or 1 for a server that was not there when the run began. Raises AssertionError
        with what a run says that failed in another way."""
        self._process = subprocess.Popen(self.command, env=self.env, cwd=self.env["HOME"], stderr=subprocess.PIPE)
        _, said = self._process.communicate(timeout=300)
        code = self._process.returncode
        assert code in (0, -signal.SIGKILL) or (code == 1 and b"cannot be reached" in said), said.decode()
        return code

    def instead(self, method: str, path: str) -> tuple[int, dict[str, str]] | None:
        return (503, {}) if not self.late and self._killed(method, path) else None

    def loses(self, method: str, path: str) -> bool:
        return self.late and self._killed(method, path)

    def _killed(self, method: str, path: str) -> bool:
        with self._lock:
            self._seen += 1
            if self._seen != self.at or self._process is None:
                return False
        self.hit = f"{method} {path.rpartition('/')[2]} {'answered' if self.late else 'asked'}"
        self._process.kill()
        if self.strike:
            self.strike()
        return True


def submit_killed(
    folder: Path,
    before: Front,
    env: dict[str, str],
    chance: random.Random,
    most: int,
    strike: Callable[[], None] | None = None,
) -> list[str]:
    """Submits until a run gets through, of which at most so many are killed; returns where each kill struck.

    `strike` is called with some of the kills: what else goes wrong at that moment.
    """
    struck: list[str] = []
    command = [*WEFT, "submit", str(folder)]
    while True:
        at = chance.randint(1, REQUESTS) if len(struck) < most else 0
        run = Run(command, env, at, chance.random() < 0.5, strike if chance.random() < 0.3 else None)
        before.instead, before.loses = run.instead, run.loses
        code = run.start()
        if code == 0:
            return struck
        if code == 1:
            # A person would wait, too.
            time.sleep(1)
        else:
            struck.append(run.hit)
