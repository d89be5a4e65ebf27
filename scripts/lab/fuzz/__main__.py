"""`make fuzz`: schemathesis over the whole OpenAPI document, one call at a time and in chains along its links.

Fails on a 5xx other than 503, on a request that gets no answer, on an answer that the document does not describe, and
if the product does not classify photos afterwards. `python -m scripts.lab.fuzz --count 10000 --seed 1`
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from scripts.lab.bench.product import ROOT, Product, environment, running
from scripts.lab.small_bank import small_bank

#: schemathesis processes side by side.
SIDE_BY_SIDE = 2
#: Requests of one operation a round: few, so that many seeds are tried.
EXAMPLES = 15
#: Seconds without an answer that count as a hang.
HANG_SECONDS = 60
#: Seconds that the product has for a job after all of it.
AFTERWARDS_SECONDS = 300
KEY = "the-key-of-make-fuzz"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@dataclass
class Round:
    """One process of schemathesis: where it writes, and what came of it."""

    process: subprocess.Popen[bytes]
    log: Path
    tally: Path


@dataclass
class Found:
    """All rounds together."""

    sent: int = 0
    slowest: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def unanswered(self) -> int:
        return self.sent - self.answers.total()

    @property
    def server_errors(self) -> int:
        # 503 says that something is away or busy, and when to come again.
        return sum(number for status, number in self.answers.items() if status.startswith("5") and status != "503")

    def add(self, ended: Round) -> None:
        if ended.tally.exists():
            told = json.loads(ended.tally.read_text("utf-8"))
            self.sent += told["sent"]
            self.answers.update(told["answers"])
            self.slowest = max(self.slowest, told["slowest"])
        if ended.process.returncode:
            self.failures.append(ended.log.read_text("utf-8", "replace"))


def start(product: Product, work: Path, seed: int) -> Round:
    log, tally = work / f"{seed}.log", work / f"{seed}.json"
    argv = [sys.executable, "-m", "schemathesis.cli", "run", f"{product.url}/api/v1/openapi.json"]
    argv += ["--header", f"Authorization: Bearer {KEY}", "--generation-with-security-parameters", "false"]
    argv += ["--phases", "coverage,fuzzing,stateful", "--checks", CHECKS, "--max-examples", str(EXAMPLES)]
    argv += ["--seed", str(seed), "--request-timeout", str(HANG_SECONDS), "--continue-on-failure", "--no-color"]
    argv += ["--generation-database", "none", "--suppress-health-check", "all", "--warnings", "off"]
    env = environment() | {
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "scripts.lab.fuzz.hooks",
        "WEFT_FUZZ_TALLY": str(tally),
        "WEFT_FUZZ_FOLDER": str(work / "photos"),
        "WEFT_FUZZ_SEED": str(seed),
    }
    with log.open("wb") as out:
        return Round(subprocess.Popen(argv, env=env, cwd=work, stdout=out, stderr=subprocess.STDOUT), log, tally)


def fuzz(product: Product, work: Path, count: int, seed: int) -> Found:
    """Rounds until `count` requests were sent."""
    found, under_way = Found(), [start(product, work, seed + n) for n in range(SIDE_BY_SIDE)]
    seed += SIDE_BY_SIDE
    while under_way:
        time.sleep(0.2)
        for ended in [one for one in under_way if one.process.poll() is not None]:
            under_way.remove(ended)
            found.add(ended)
            print(f"fuzz: {found.sent:,} requests", file=sys.stderr, flush=True)
            if found.sent < count and found.sent:
                under_way.append(start(product, work, seed))
                seed += 1
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="weft-fuzz-") as name:
        work = Path(name)
        template, photos = small_bank(work)
        with running(template, work, {"engine": "null", "folder_roots": str(work)}, key=KEY) as product:
            found = fuzz(product, work, given.count, given.seed)
            # It still does what it is for. Whoever published another bank meanwhile published one of the same photos.
            done = product.wait(product.submit_folder(photos), AFTERWARDS_SECONDS)
    for failure in found.failures:
        print(failure)
    print(f"{found.sent:,} requests in {time.monotonic() - began:.0f} s, slowest answer {found.slowest:.2f} s")
    print("answers: " + ", ".join(f"{number:,} x {status}" for status, number in sorted(found.answers.items())))
    print(f"5xx other than 503: {found.server_errors}; without an answer: {found.unanswered}")
    print(f"rounds with findings: {len(found.failures)}; afterwards {done.ok} of {done.total} photos were classified")
    right = not (found.failures or found.server_errors or found.unanswered) and found.sent and done.ok == done.total
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
