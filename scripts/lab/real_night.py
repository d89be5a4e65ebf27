"""One real night: `python -m scripts.lab.real_night --photos 20000 [--model demo] [--out FOLDER]`.

Rendered fabrics of 1 megapixel go through two workers with a real model, in a job with hours: they close once. On the
way one worker is killed, and later the whole product, each where a share of the photos is done, and started again. In
the morning every file must have exactly one result. What was said of the end, and when, is compared with the true end;
the report is kept.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from scripts.lab.bench import product
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.clock import tree
from scripts.lab.bench.product import ROOT, WEFT, Product
from scripts.render import CLASSES

#: Shares of the photos at which a worker, then everything, is killed, and the hours close.
KILL_WORKER, KILL_ALL, CLOSE = 0.25, 0.75, 0.5
#: Minutes for which the hours are closed; a window is told in whole ones.
CLOSED = 3
#: Seconds between two looks.
_LOOK = 5.0


class Night:
    """The running product, and what was seen of the job."""

    def __init__(self, weft: Product, job: str, total: int) -> None:
        self.weft, self.job, self.total = weft, job, total
        self.began = time.time()
        #: (when, photos done, said end, earliest, latest) in seconds since the epoch.
        self.said: list[tuple[float, int, float, float, float]] = []
        self.events: list[str] = []

    def note(self, words: str) -> None:
        self.events.append(f"{time.time() - self.began:6.0f} s  {words}")
        print(self.events[-1], flush=True)

    def look(self) -> dict[str, Any]:
        """The job's answer; patient while the product is away."""
        while True:
            try:
                state: dict[str, Any] = self.weft.get(f"/api/v1/jobs/{self.job}")
            except requests.RequestException:
                time.sleep(1)
                continue
            done = state["ok"] + state["failed"]
            if state.get("done_at") and state.get("done_between") and state["state"] == "running":
                self.said.append((time.time(), done, state["done_at"], *state["done_between"]))
            return state

    def until(self, share: float) -> dict[str, Any]:
        while True:
            state = self.look()
            if state["ok"] + state["failed"] >= share * self.total or state["state"] == "finished":
                return state
            time.sleep(_LOOK)

    def kill_worker(self) -> None:
        """The process that encodes, not the one that watches over it."""
        found = [one for one in tree(self.weft.process.pid) if one.cmdline()[-1:] == ["worker"]]
        heads = {one.pid for one in found}
        child = next(one for one in found if one.ppid() in heads)
        child.kill()
        self.note(f"worker {child.pid} killed")

    def kill_all(self) -> None:
        for one in reversed(tree(self.weft.process.pid)):
            one.kill()
        self.weft.process.wait()
        self.note("everything killed")
        time.sleep(5)
        with (self.weft.data / "up.log").open("ab") as log:
            argv = [*WEFT, "up", "--workers", "2"]
            self.weft.process = subprocess.Popen(argv, env=self.weft.env, cwd=ROOT, stdout=log, stderr=log)
        self.weft.await_workers(2)
        self.note("started again, two workers ready")

    def close_hours(self) -> None:
        """The hours that are open now end with this minute, and begin again some minutes later."""
        close = datetime.now().astimezone() + timedelta(minutes=1)
        again = close + timedelta(minutes=CLOSED)
        hours = f"{again:%H:%M}-{close:%H:%M}"
        self.weft.http.patch(
            f"{self.weft.url}/api/v1/jobs/{self.job}", json={"window": hours}, timeout=60
        ).raise_for_status()
        self.note(f"hours set to {hours}")
        waited = 0.0
        while (state := self.look())["state"] != "running" or waited < 90:
            if state["state"] == "finished":
                return
            time.sleep(1)
            waited += 1
            if waited in (75, 90):
                self.note(f"state {state['state']}, {state['ok']} done")
        self.note("working again")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=5000)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--out", type=Path, default=Path("build/night"))
    parser.add_argument("--store", type=Path, default=Path("build/bench"))
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    asked.store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="weft-night-") as name:
        bench = Bench(asked.store.resolve(), Path(name), quick=True, say=print)
        template = bench.data("night", bench.photos.bank(), engine="openvino", model=asked.model)
        photos = bench.photos.fresh("1mp", asked.photos)
        with product.running(template, Path(name), {"model": asked.model, "lang": "en"}, workers=2) as weft:
            night = Night(weft, weft.submit_folder(photos), asked.photos)
            night.note(f"{asked.photos} photos of 1 MP, {len(CLASSES)} kinds of cloth, submitted")
            night.until(KILL_WORKER)
            night.kill_worker()
            night.until(CLOSE)
            night.close_hours()
            night.until(KILL_ALL)
            night.kill_all()
            state = night.until(1.0)
            end = state["finished"] or time.time()
            night.note(f"{state['state']}: {state['ok']} ok, {state['failed']} failed")
            report(night, photos, end, asked.out)


def report(night: Night, photos: Path, end: float, out: Path) -> None:
    """Every file once? How was the estimate? Prints, and keeps the report page and the table."""
    http, url = night.weft.http, f"{night.weft.url}/api/v1/jobs/{night.job}"
    table = http.get(f"{url}/export?format=csv", timeout=600).content
    (out / "night.csv").write_bytes(table)
    rows = Counter(row["name"] for row in csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
    files = {os.fspath(path.relative_to(photos)) for path in photos.rglob("*.jpg")}
    page = http.get(f"{night.weft.url}/api/v1/jobs/{night.job}/summary.html?lang=en", timeout=600)
    if page.ok:
        (out / "night.html").write_bytes(page.content)
    scored = [one for one in night.said if one[1] >= 0.1 * night.total]
    quiet = [abs(said - end) / max(10.0, end - at) for at, _, said, _, _ in scored]
    held = [first <= end <= last for _, _, _, first, last in scored]
    print(
        json.dumps(
            {
                "photos": night.total,
                "hours": round((end - night.began) / 3600, 2),
                "per_second": round(night.total / (end - night.began), 1),
                "lost": len(files - rows.keys()),
                "doubled": sum(1 for count in rows.values() if count > 1),
                "estimates": len(scored),
                "held": round(statistics.fmean(held), 3) if held else None,
                "median_error": round(statistics.median(quiet), 3) if quiet else None,
                "events": night.events,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
