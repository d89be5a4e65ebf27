"""The whole product of another checkout beside this one's, in turns: photos per second of jobs of fresh photos, and CPU
time per photo.

    python -m scripts.lab.beside /path/to/other/checkout --model ViT-B-32//path/to/weights.safetensors

Both run at once, and one works while the other waits. Only the command line is used, so that the other may be of any
age; packages that it needs and this one does not are found in --packages. Each tunes its threads at its first start,
which is chance on a busy machine: the other takes over what this one found. On a busy machine only CPU times compare.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scripts.lab.bench.clock import Reading, Series, in_turns, ratio, reading

HERE = Path(__file__).resolve().parents[2]
#: Megapixels → width and height.
SIZES = {1: (1152, 864), 12: (4000, 3000)}
#: Seconds in which a product has to answer, on a machine that has nothing else to give.
START_SECONDS = 300.0


def picture(rng: np.random.Generator, width: int, height: int) -> bytes:
    """A JPEG with grain, as of woven cloth."""
    coarse = Image.fromarray(rng.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
    grain = smooth + rng.integers(-12, 12, (height, width, 1), dtype=np.int16)
    made = io.BytesIO()
    Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8)).save(made, "JPEG", quality=90)
    return made.getvalue()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Side:
    """One checkout with a data folder of its own."""

    def __init__(self, root: Path, folder: Path, model: str, packages: str) -> None:
        self.root, self.folder = root, folder
        self.running: list[subprocess.Popen[bytes]] = []
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("WEFT_")}
        self.env |= {
            "WEFT_DATA_DIR": str(folder),
            "WEFT_MODEL": model,
            "WEFT_LANG": "en",
            "WEFT_PORT": str(free_port()),
        }
        self.env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(root), packages)))

    def weft(self, *arguments: str | Path) -> Any:
        """One command; its JSON. Raises RuntimeError with what it printed."""
        line = [sys.executable, "-m", "scripts.cli", *map(str, arguments), "--json"]
        done = subprocess.run(line, cwd=self.root, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{self.root}: {' '.join(line[2:])}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def start(self) -> None:
        """`weft up`, until it answers. Raises RuntimeError where it does not."""
        with (self.folder / "beside.log").open("ab") as log:
            line = [sys.executable, "-m", "scripts.cli", "up"]
            self.running.append(subprocess.Popen(line, cwd=self.root, env=self.env, stdout=log, stderr=log))
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.weft("jobs")
                return
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise

    def stop(self) -> None:
        for process in self.running:
            process.send_signal(signal.SIGINT)
        for process in self.running:
            process.wait(120)
        self.running.clear()

    def job(self, photos: list[bytes], count: int) -> Reading:
        """A job of so many photos that nobody has seen: its time by the ledger, and CPU time of all processes."""
        folder = Path(tempfile.mkdtemp(dir=self.folder / "photos"))
        for number in range(count):
            mark = f"{folder.name} {number}".encode()
            (folder / f"{number}.jpg").write_bytes(photos[number % len(photos)] + mark)
        with reading(count, *(process.pid for process in self.running)) as taken:
            done = self.weft("submit", folder, "--watch")
        shutil.rmtree(folder)
        if done["ok"] != count:
            raise RuntimeError(f"{done['ok']} of {count} photos were classified")
        taken.wall = done["finished"] - done["started"]
        return taken


def same_tuning(one: Path, other: Path) -> None:
    """Gives the models of `other` the notes of those of `one`, in the form that it writes itself."""
    for note in one.glob("models/*/tuning.json"):
        target = other / note.relative_to(one)
        known, chosen = json.loads(target.read_text("utf-8")), json.loads(note.read_text("utf-8"))
        for name in known.keys() & chosen.keys():
            known[name] |= {key: value for key, value in chosen[name].items() if key in known[name]}
        target.write_text(json.dumps(known), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--packages", default="", help="a folder with what the other needs besides")
    parser.add_argument("--photos", type=int, default=150, help="of 1 MP in a job; of 12 MP a sixth of it")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    rng = np.random.default_rng(time.time_ns())
    pictures = {size: [picture(rng, *SIZES[size]) for _ in range(12 // size + 2)] for size in SIZES}
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        bank = base / "bank"
        for number in range(30):
            (bank / f"class-{number % 5}").mkdir(parents=True, exist_ok=True)
            (bank / f"class-{number % 5}" / f"{number}.jpg").write_bytes(picture(rng, 640, 480))
        sides = {
            label: Side(root, base / label, asked.model, packages)
            for label, root, packages in (("here", HERE, ""), ("other", asked.other.resolve(), asked.packages))
        }
        try:
            for side in sides.values():
                (side.folder / "photos").mkdir(parents=True)
                side.start()
                side.weft("bank", "build", bank)
                side.job(pictures[1], 8)
                side.stop()
            same_tuning(sides["here"].folder, sides["other"].folder)
            for side in sides.values():
                side.start()
            for side in sides.values():
                side.job(pictures[1], asked.photos)
            for size, some in pictures.items():
                count = asked.photos if size == 1 else max(4, asked.photos // 6)
                works = {label: partial(_turn, side, some, count) for label, side in sides.items()}
                report(size, in_turns(works, asked.rounds))
        finally:
            for side in sides.values():
                side.stop()


def _turn(side: Side, photos: list[bytes], count: int, _: int) -> Reading:
    return side.job(photos, count)


def report(megapixels: int, found: dict[str, Series]) -> None:
    here, other = found["here"], found["other"]
    each = ", ".join(f"{a.per_second / b.per_second:.2f}" for a, b in zip(here.readings, other.readings, strict=True))
    rates = f"here {here.per_second:.1f}, other {other.per_second:.1f} photos/s, {ratio(here, other):.2f} ×"
    cpu = f"CPU per photo {here.cpu_ms:.1f} and {other.cpu_ms:.1f} ms, {here.cpu_ms / other.cpu_ms:.2f} ×"
    print(f"{megapixels} MP: {rates} (each round: {each}); {cpu}", flush=True)


if __name__ == "__main__":
    main()
