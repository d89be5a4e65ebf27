"""The soak: random faults, alone and together, against a running mixed load. `python -m tests.faults.soak --help`.

The seed decides which faults strike in which order, how long each lasts, the pauses between them, and what every job
looks like; `build/soak-SEED.jsonl` logs all of it. Leases are short, so that many fit into an hour.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis

from tests.faults import load as loading
from tests.faults import record as recording
from tests.faults.proxy import Proxy
from tests.faults.record import Record
from tests.faults.site import IN_FLIGHT, Site, running_site
from tests.faults.strikes import STRIKES, Strike, cut_off, draw

BUILD = Path(__file__).resolve().parents[2] / "build"
LEASE = 2.0
#: Seconds that a strike lasts at the most: past the lease.
LONGEST = 1.5 * LEASE
#: Seconds between strikes at the most.
PAUSE = 3.0
#: Seconds without one new outcome after which the soak has failed.
STALLED = 120.0


class Soak:
    """One run of it."""

    def __init__(self, site: Site, seed: int, seconds: float, log: Path) -> None:
        self.site = site
        self.records: defaultdict[str, Record] = defaultdict(lambda: Record(""))
        self.jobs = Record("jobs")
        self.strikes = 0
        self._rng = random.Random(seed)
        self._seed = seed
        self._until = time.monotonic() + seconds
        self._over = threading.Event()
        self._log = log.open("w", encoding="utf-8")
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._recovering: list[threading.Thread] = []
        self.trouble: list[str] = []

    def run(self) -> bool:
        """Until the time is over or something is wrong; returns whether everything held."""
        site = self.site
        proxy = Proxy(site.redis.connection_pool.connection_kwargs["path"])
        faults: dict[str, tuple[Strike, int]] = {**STRIKES, "cut off": (cut_off(proxy), 3)}
        names, weights = list(faults), [weight for _, weight in faults.values()]
        load = loading.Load(site, self._seed, self._over, self._note, self._wrong, self.jobs)
        load.start()
        moving = threading.Thread(target=self._watch)
        moving.start()
        while time.monotonic() < self._until and not self._over.is_set():
            site.keep_extra(WEFT_REDIS_URL=f"redis://127.0.0.1:{proxy.port}/0")
            chosen = draw(self._rng, names, weights, LONGEST)
            pause = self._rng.uniform(0.2, PAUSE)
            self._note("strike", number=self.strikes, faults=chosen)
            threads = [threading.Thread(target=self._strike, args=(n, faults[n][0], s)) for n, s in chosen]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.strikes += len(chosen)
            self._over.wait(pause)
        proxy.heal()
        self._over.set()
        load.join()
        moving.join()
        for thread in self._recovering:
            thread.join()
        proxy.close()
        self._log.close()
        return not self.trouble

    def _strike(self, name: str, strike: Strike, seconds: float) -> None:
        try:
            strike(self.site, seconds)
        except Exception as error:
            # What it was to strike is down already, or Redis is: the other faults of this second.
            self._note("missed", fault=name, error=repr(error)[:200])
        recovering = threading.Thread(target=self._recover, args=(name,))
        recovering.start()
        self._recovering.append(recovering)

    def _recover(self, name: str) -> None:
        """Seconds from the fault's end until more has an outcome than can have been on its way, other faults or not."""
        began, at = time.monotonic(), self.total()
        while self.total() <= at + IN_FLIGHT:
            if self._over.wait(0.1):
                return
        with self._lock:
            self.records[name].fault = name
            self.records[name].recovered(time.monotonic() - began)

    def total(self) -> int:
        """Outcomes since the ledger began, waiting for it where it is away."""
        while True:
            with suppress(redis.RedisError):
                ok, failed = self.site.redis.hmget("weft:stats", "photos_ok", "photos_failed")
                return int(ok or 0) + int(failed or 0)
            time.sleep(0.1)

    def _watch(self) -> None:
        """Ends the soak when nothing moves any more."""
        at, since = self.total(), time.monotonic()
        while not self._over.wait(1):
            now = self.total()
            if now != at:
                at, since = now, time.monotonic()
            elif time.monotonic() - since > STALLED:
                self._wrong(f"no outcome for {STALLED:g} s")

    def _wrong(self, what: str) -> None:
        self.trouble.append(what)
        self._note("wrong", what=what)
        self._over.set()

    def _note(self, event: str, **more: Any) -> None:
        with self._lock:
            entry = {"t": round(time.monotonic() - self._began, 2), "event": event, **more}
            self._log.write(json.dumps(entry) + "\n")
            self._log.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description="Random faults against a running load.")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--minutes", type=float, default=60)
    chosen = parser.parse_args()
    BUILD.mkdir(exist_ok=True)
    log = BUILD / f"soak-{chosen.seed}.jsonl"
    print(f"seed {chosen.seed}, {chosen.minutes:g} minutes, log {log}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="weft-soak-") as folder,
        running_site(Path(folder), lease_seconds=str(LEASE)) as site,
    ):
        soak = Soak(site, chosen.seed, 60 * chosen.minutes, log)
        held = soak.run()
        if not held:
            print(site.product.output()[-3000:])
    records = [soak.jobs, *sorted(soak.records.values(), key=lambda r: r.fault)]
    recording.write(records, BUILD / "soak.json")
    print("\n".join([*recording.table(records), f"{soak.strikes} faults, {soak.jobs.jobs} jobs", *soak.trouble]))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
