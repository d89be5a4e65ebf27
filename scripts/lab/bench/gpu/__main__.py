"""Runs one part after the other while there is time: `python -m scripts.lab.bench.gpu --seconds 150 -o DIR`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from scripts.lab.bench.gpu.part import limited
from scripts.lab.bench.product import ROOT

#: Seconds that a part may take at most.
LIMITS = {"prepare": 75, "tests": 60, "engine": 60, "whole": 150, "plain": 45, "compiled": 75}


@dataclass
class Run:
    store: Path
    target: Path
    deadline: float
    #: Arguments of every part behind its model.
    arguments: list[str]
    found: dict[str, Any] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def part(self, name: str, *arguments: str) -> None:
        """One part, as far as there is time; what it found is kept at once."""
        key = "-".join((name, *arguments))
        left = min(LIMITS[name], self.deadline - time.monotonic())
        if left < 8:
            self._keep(key, {"error": "left out: time is up"})
            return
        command = ["-m", f"scripts.lab.bench.gpu.{name}", str(self.store), *arguments, *self.arguments]
        if name == "tests":
            command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/integration/test_torch_engine.py"]
        self._keep(key, limited([sys.executable, *command], left, self.target / "log.txt"))

    def _keep(self, key: str, found: dict[str, Any]) -> None:
        with self.lock:
            self.found[key] = found
            print(json.dumps({key: found}), flush=True)
            (self.target / "gpu.json").write_text(json.dumps(self.found, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.lab.bench.gpu")
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--models", default="ViT-B-32,ViT-L-14")
    parser.add_argument("--parts", default="engine,whole,plain,compiled", help="What is measured, in this order.")
    parser.add_argument("--photos", default="4000", help="Photos of a whole job; other parts take a share of it.")
    parser.add_argument("--store", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "build" / "bench" / "gpu")
    parser.add_argument("--no-tests", action="store_true")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    run = Run(chosen.store.resolve(), chosen.out.resolve(), time.monotonic() + chosen.seconds, [chosen.photos])
    models = chosen.models.split(",")
    # Nothing is timed yet, so all at once.
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(run.part, "prepare", model) for model in models]
        if not chosen.no_tests:
            waiting.append(pool.submit(run.part, "tests"))
        for one in waiting:
            one.result()
    for name in chosen.parts.split(","):
        for model in models:
            run.part(name, model)
    return 0


if __name__ == "__main__":
    sys.exit(main())
