"""What a large bank takes to be made, checked, changed and ranked from.

`python -m scripts.lab.bench.large_bank [--sizes N,N] [--columns D]`

Generated vectors lie in a folder of parts; each step is a process of its own, of which time and most resident memory
are printed: `peak_mb` with pages of mapped files, which the system drops where memory is short, `own_mb` without them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from scripts.lab.bench.generated import generated
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.ranking.model import PRESETS
from shared.ranking.ranker import Ranker

COLUMNS, EACH = 512, 200
#: Vectors of a part; a part's labels are held in memory.
_PART = 500_000
#: Photos that are ranked, a micro-batch at a time.
_PHOTOS, _BATCH = 256, 16
#: Seconds between two looks at a step's memory.
_LOOK = 0.1
#: A model that makes so many columns. That it is not on this machine does not matter to its vectors.
_MODEL = "ViT-B-32/openai"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="200000,1000000")
    parser.add_argument("--columns", type=int, default=COLUMNS)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--rank", nargs=2, metavar=("DATA", "VERSION"), help="The last step, in a process of its own.")
    asked = parser.parse_args()
    if asked.rank:
        print(json.dumps(_rank(Path(asked.rank[0]), asked.rank[1])))
        return
    for size in map(int, asked.sizes.split(",")):
        with tempfile.TemporaryDirectory(dir=asked.work, prefix="large-bank-") as name:
            print(json.dumps(_measured(Path(name), size, asked.columns)), flush=True)


def _measured(folder: Path, size: int, columns: int) -> dict[str, Any]:
    parts, data = folder / "parts", folder / "data"
    parts.mkdir()
    for number, start in enumerate(range(0, size, _PART)):
        count = min(_PART, size - start)
        generated(count, columns, parts / f"{number:03}.npy", each=EACH, seed=number)
        labels = (f"class-{(start + row) // EACH:06}\n" for row in range(count))
        (parts / f"{number:03}.labels").write_text("".join(labels))
    weft = ["scripts.cli", "--data-dir", str(data), "--json", "bank"]
    built, made = _run(*weft, "import", str(parts), "--no-publish", "--model", _MODEL)
    shutil.rmtree(parts)
    version = made["version"]
    published, _ = _run(*weft, "publish", version)
    checked, _ = _run(*weft, "check", version)
    ranked, told = _run("scripts.lab.bench.large_bank", "--rank", str(data), version)
    store = BankStore(Settings(data_dir=data))
    manifest = store.manifest(version)
    # Two versions derived from the whole bank: one without a sample, one whose class has another name.
    removed, _ = _run(*weft, "set-aside", store.rows(version)[0].id)
    renamed, _ = _run(*weft, "class", "rename", manifest.classes[-1].label, "--en", "Renamed cloth")
    steps = {
        "import": built,
        "publish": published,
        "check": checked,
        "rank": ranked,
        "derive_without_sample": removed,
        "derive_renamed_class": renamed,
    }
    method = manifest.ranking.method.name
    return {"samples": size, "classes": made["counts"]["classes"], "method": method} | steps | told


def _run(module: str, *words: str) -> tuple[dict[str, float], dict[str, Any]]:
    """Seconds, CPU seconds and most resident megabytes of a command, and what it printed."""
    began = time.monotonic()
    env = os.environ | {"WEFT_ENGINE": "openvino", "WEFT_MODEL": _MODEL}
    child = subprocess.Popen([sys.executable, "-m", module, *words], env=env, stdout=subprocess.PIPE)
    assert child.stdout is not None
    own, ended = [0], threading.Event()
    watch = threading.Thread(target=_watch, args=(child.pid, own, ended))
    watch.start()
    out = child.stdout.read()
    ended.set()
    watch.join()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(words)}: exit status {child.returncode}")
    used = {
        "s": round(time.monotonic() - began, 1),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mb": round(usage.ru_maxrss / 1024),
        "own_mb": round(own[0] / 1024),
    }
    print(f"{' '.join(words[-4:])}: {used}", file=sys.stderr, flush=True)
    return used, json.loads(out)


def _watch(pid: int, own: list[int], ended: threading.Event) -> None:
    """Keeps the most kilobytes that are the process's own: pages of mapped files can be dropped at any moment."""
    while not ended.wait(_LOOK):
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            found = re.search(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE)
            own[0] = max(own[0], int(found[1]) if found else 0)


def _rank(data: Path, version: str) -> dict[str, Any]:
    """Milliseconds of CPU per photo, and until the first class is shown."""
    store = BankStore(Settings(data_dir=data))
    began = time.process_time()
    first = list(store.classes(version)[0].samples)
    shown = time.process_time() - began
    bank = store.load(version)
    rows = np.linspace(0, len(bank.vectors) - 1, _PHOTOS).astype(int)
    asked = np.asarray(bank.vectors[rows], np.float32)
    ranker = Ranker(bank, PRESETS["standard"])
    began = time.process_time()
    answers = [answer for at in range(0, _PHOTOS, _BATCH) for answer in ranker.rank(asked[at : at + _BATCH])]
    spent = time.process_time() - began
    owner = np.searchsorted(bank.starts, rows, side="right") - 1
    right = np.mean([answer.label == bank.labels[label] for answer, label in zip(answers, owner, strict=True)])
    return {
        "first_class": len(first),
        "first_class_ms": round(1000 * shown, 1),
        "ranked_cpu_ms": round(1000 * spent / _PHOTOS, 2),
        "own_photos_right": round(float(right), 4),
    }


if __name__ == "__main__":
    main()
