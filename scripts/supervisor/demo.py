"""What `weft up --demo` prepares in the background: a bank of rendered fabrics, and photos to try it with.

`python -m scripts.supervisor.demo` runs as a separate process, because rendering and encoding are heavy.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from scripts.cli import main as cli
from scripts.render import CLASSES, render, save_jpeg
from scripts.supervisor.first_bank import DEMO, bank_needed
from shared.core.process import die_with_parent
from shared.core.settings import Settings, cores
from shared.curation.building_marker import building
from shared.curation.name_bank import trade_names

#: Samples per class: as many as the preset `precise` requires.
SAMPLES = 5
#: Image sizes in pixels: samples at encoder resolution, photos for display.
SAMPLE_SIDE, PHOTO_SIDE = 160, 320
#: First seed of the photos, distinct from those of the samples.
FIRST_PHOTO = 1000


def main() -> int:
    """Prepare what is missing; returns an exit code."""
    os.nice(5)
    settings = Settings()
    photos = settings.data_dir / "photos" / "demo-photos"
    if bank_needed(settings, DEMO):
        with building(settings, "demo"):
            code = _bank(settings.data_dir / "demo" / "bank")
        if code:
            return code
    if not photos.exists():
        photos.parent.mkdir(parents=True, exist_ok=True)
        # Atomic: a job on this folder must not list an incomplete set.
        with tempfile.TemporaryDirectory(prefix=".demo-", dir=settings.data_dir) as made:
            target = Path(made) / "photos"
            _render(target, [FIRST_PHOTO], PHOTO_SIDE, "{name}-{seed}.jpg")
            target.rename(photos)
    return 0


def _bank(folder: Path) -> int:
    """Renders, builds and publishes; returns an exit code."""
    print(f"rendering {SAMPLES} samples of each of {len(CLASSES)} classes", flush=True)
    _render(folder, range(SAMPLES), SAMPLE_SIDE, "{name}/{seed}.jpg")
    names = trade_names()
    for file, content in (("labels.json", names.labels), ("aliases.json", names.aliases)):
        (folder / file).write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    return cli.run(["bank", "build", str(folder), "--name", DEMO])


def _render(folder: Path, seeds: Iterable[int], side: int, pattern: str) -> None:
    """Renders missing images on all cores."""
    wanted = [(name, seed, folder / pattern.format(name=name, seed=seed)) for seed in seeds for name in CLASSES]
    with ProcessPoolExecutor(cores(), initializer=die_with_parent, initargs=(os.getpid(),)) as pool:
        for made in [pool.submit(_picture, *shot, side) for shot in wanted if not shot[2].exists()]:
            made.result()


def _picture(name: str, seed: int, path: Path, side: int) -> None:
    part = path.with_suffix(".part")
    save_jpeg(part, render(name, seed, side))
    part.rename(path)


if __name__ == "__main__":
    sys.exit(main())
