"""A peer is a program in an environment of its own that answers JSON lines; it stays warm between the rounds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from scripts.lab.bench.clock import Reading, cpu_seconds
from scripts.lab.bench.product import ROOT, BenchError, environment
from shared.core.documents import Document

_HERE = Path(__file__).parent


class PeerAnswer(Document):
    """What a peer did; the first answer says only that it is ready."""

    #: Seconds, as the program measured them.
    wall: float = 0.0
    #: CPU seconds of its processes.
    cpu: float = 0.0
    vectors: int = 0
    #: Operations, of `matrix_product`.
    flops: float = 0.0


class Peer:
    """One running program of this folder. Raises BenchError where it cannot start or fails."""

    def __init__(self, python: Path | str, program: str, *arguments: str | Path, log: Path | None = None) -> None:
        self.name = program
        self._log = log.open("w+") if log else None
        self._process = subprocess.Popen(
            [python, _HERE / f"{program}.py", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log or subprocess.DEVNULL,
            text=True,
            env=environment() | {"TOKENIZERS_PARALLELISM": "false"},
            cwd=ROOT,
        )
        self.ready_seconds = -time.monotonic()
        self._answer()
        self.ready_seconds += time.monotonic()

    @classmethod
    def of_this_environment(cls, program: str, *arguments: str | Path) -> Self:
        return cls(sys.executable, program, *arguments)

    def ask(self, **request: list[str] | float) -> PeerAnswer:
        """One request (`photos`, or the `seconds` to work), one answer."""
        assert self._process.stdin is not None
        before = cpu_seconds([self._process.pid])
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
        except OSError as error:
            raise BenchError(reason=f"{self.name} has ended; {self._last_words()}") from error
        answer = self._answer()
        return answer.model_copy(update={"cpu": cpu_seconds([self._process.pid]) - before})

    def encode(self, photos: Sequence[Path]) -> Reading:
        """Files to vectors."""
        answer = self.ask(photos=[str(photo) for photo in photos])
        if answer.vectors != len(photos):
            raise BenchError(reason=f"{self.name}: {answer.vectors} vectors for {len(photos)} photos")
        return Reading(len(photos), answer.wall, answer.cpu)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(15)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()

    def _answer(self) -> PeerAnswer:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            # Libraries print what they like.
            if line.startswith('{"weft-peer"'):
                return PeerAnswer.from_json(json.loads(line)["weft-peer"])
        raise BenchError(reason=f"{self.name} ended with {self._process.wait()}; {self._last_words()}")

    def _last_words(self) -> str:
        if self._log is None:
            return ""
        self._log.seek(0)
        return self._log.read()[-600:].strip()
