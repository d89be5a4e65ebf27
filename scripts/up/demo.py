"""What `weft up --demo` prepares beside the running product: a bank of rendered fabrics, and photos to try it with.

`python -m scripts.up.demo`, a child process of its own: nothing else shares one with rendering and encoding.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from scripts import cli
from scripts.render import CLASSES, render, save_jpeg
from shared.bank.store import BankStore
from shared.encoder import describe
from shared.errors import ModelError
from shared.process import die_with_parent
from shared.settings import Settings, cores

#: Samples a class: as many as the preset `precise` asks for.
SAMPLES = 5
#: Sides of the pictures: a sample is no larger than an encoder looks at, a photo is one to look at.
SAMPLE_SIDE, PHOTO_SIDE = 160, 320
#: Seeds of the photos to try: cloths that no sample shows.
FIRST_PHOTO = 1000
BANK_NAME = "demo"


def main() -> int:
    """Prepare what is missing; returns an exit code."""
    os.nice(5)
    settings = Settings()
    photos = settings.data_dir / "photos" / "demo-photos"
    if _wanted(settings):
        folder = settings.data_dir / "demo" / "bank"
        print(f"rendering {SAMPLES} samples of each of {len(CLASSES)} classes", flush=True)
        _render(folder, range(SAMPLES), SAMPLE_SIDE, "{name}/{seed}.jpg")
        names = {name: entry.zh for name, entry in CLASSES.items()}
        (folder / "labels.json").write_text(json.dumps(names, ensure_ascii=False, indent=1), encoding="utf-8")
        code = cli.run(["bank", "build", str(folder), "--name", BANK_NAME])
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


def _wanted(settings: Settings) -> bool:
    """Whether there is no bank, or only a demo bank of another model; a person's own bank is never replaced."""
    banks = BankStore(settings)
    current = banks.current()
    if current is None:
        return True
    manifest = banks.manifest(current)
    if manifest["name"] != BANK_NAME:
        return False
    try:
        return bool(manifest["identity"] != describe(settings).identity)
    except ModelError:
        return True


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
