"""What `weft up --demo` prepares beside the running product: a bank of rendered fabrics, and photos to try it with.

`python -m scripts.supervisor.demo`, a child process of its own: nothing else shares one with rendering and encoding.
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
from scripts.supervisor.first_bank import DEMO, wanted
from shared.core.process import die_with_parent
from shared.core.settings import Settings, cores
from shared.curation.building_marker import making
from shared.curation.name_bank import trade_names

#: Samples a class: as many as the preset `precise` asks for.
SAMPLES = 5
#: Sides of the pictures: a sample is no larger than an encoder looks at, a photo is one to look at.
SAMPLE_SIDE, PHOTO_SIDE = 160, 320
#: Seeds of the photos to try: cloths that no sample shows.
FIRST_PHOTO = 1000


def main() -> int:
    """Prepare what is missing; returns an exit code."""
    os.nice(5)
    settings = Settings()
    photos = settings.data_dir / "photos" / "demo-photos"
    if wanted(settings, DEMO):
        with making(settings, "demo"):
            code = _bank(settings.data_dir / "demo" / "bank")
        if code:
            return code
    if not photos.exists():
        photos.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: a job on this folder lists what it finds.
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
    """Pictures that are not there yet, on all cores."""
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
