"""`make load`: slow and many clients on a server of its own; prints how long the others wait, and what it costs.

`python -m scripts.lab.load --seconds 60 --requests 20000 -o load.json`
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from scripts.lab.bench.product import Product, running
from scripts.lab.load.crowd import ASKED, Crowd, Tally
from scripts.lab.small_bank import small_bank


def web_processes(head: int) -> list[int]:
    """The process ids of the web server below `weft up`."""
    parents: dict[int, int] = {}
    lines: dict[int, bytes] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                lines[int(entry.name)] = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found = {pid for pid, line in lines.items() if b"scripts.cli\0web" in line and parents.get(pid) == head}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def usage(pids: list[int]) -> dict[str, int]:
    """Resident megabytes, descriptors and threads, all processes together."""
    pages = descriptors = threads = 0
    for pid in pids:
        try:
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            descriptors += len(os.listdir(f"/proc/{pid}/fd"))
            threads += len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            continue
    return {"mb": pages * os.sysconf("SC_PAGE_SIZE") // 1024**2, "descriptors": descriptors, "threads": threads}


async def watched(work: Callable[[], Any], pids: list[int], every: float = 5.0) -> list[dict[str, int]]:
    """Runs `work`, and looks at the processes meanwhile."""
    samples = [usage(pids)]
    task = asyncio.ensure_future(work())
    while not task.done():
        await asyncio.wait({task}, timeout=every)
        samples.append(usage(pids))
    await task
    return samples


def shown(tally: Tally) -> dict[str, Any]:
    """Percentiles in milliseconds and outcomes, by kind."""

    def share(values: list[float], part: float) -> int:
        return round(1000 * sorted(values)[min(len(values) - 1, int(part * len(values)))])

    return {
        kind: {
            "n": len(values),
            "p50_ms": share(values, 0.5),
            "p95_ms": share(values, 0.95),
            "max_ms": share(values, 1),
            "outcomes": dict(tally.outcomes[kind].most_common()),
        }
        for kind, values in sorted(tally.seconds.items())
    }


async def measure(product: Product, job: str, photo: bytes, given: argparse.Namespace) -> dict[str, Any]:
    """Asks alone, then under load, then many times; the memory of the web server meanwhile."""
    address, pids = urlsplit(product.url), web_processes(product.process.pid)

    def crowd(seconds: float) -> Crowd:
        return Crowd(address.hostname or "", address.port or 80, job, photo, time.monotonic() + seconds)

    async def loaded(all_of_them: bool, seconds: float) -> tuple[Tally, list[dict[str, int]]]:
        clients = crowd(seconds)

        async def go() -> None:
            tasks = [clients.asker(kind) for kind in ASKED for _ in range(2)]
            if all_of_them:
                tasks += [clients.poller(n) for n in range(given.pollers)]
                tasks += [clients.dripper(body=bool(n % 2)) for n in range(given.drippers)]
                tasks += [clients.uploader() for _ in range(given.uploads)]
            await asyncio.gather(*tasks)

        samples = await watched(go, pids)
        return clients.tally, samples

    quiet, _ = await loaded(False, 5)
    busy, during = await loaded(True, given.seconds)
    await asyncio.sleep(3)
    flooding = crowd(0)

    async def flood() -> None:
        await asyncio.gather(*(flooding.flood(given.requests // 20) for _ in range(20)))

    began = time.monotonic()
    after = await watched(flood, pids)
    took = time.monotonic() - began
    await asyncio.sleep(2)
    return {
        "alone": shown(quiet),
        "loaded": shown(busy),
        "loaded_usage": during,
        "flood": shown(flooding.tally),
        "flood_per_second": round(given.requests / took) if took else 0,
        "flood_usage": [*after, usage(pids)],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--drippers", type=int, default=200)
    parser.add_argument("--pollers", type=int, default=200)
    parser.add_argument("--uploads", type=int, default=50)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="weft-load-") as name:
        work = Path(name)
        template, photos = small_bank(work)
        jpeg = io.BytesIO()
        Image.effect_noise((256, 256), 60).save(jpeg, "JPEG", quality=90)
        with running(template, work, {"engine": "null", "folder_roots": str(work)}) as product:
            job = product.submit_folder(photos)
            product.wait(job)
            found = asyncio.run(measure(product, job, jpeg.getvalue(), given))
    text = json.dumps(found, indent=1)
    if given.output:
        given.output.write_text(text + "\n", "utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
