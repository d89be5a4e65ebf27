"""The bench's photos: rendered fabrics as JPEG files, every file of its own content.

A few pictures are rendered and encoded once and kept; the many files made of them differ in a JPEG comment (COM
segment), which changes the file's SHA-256 and not one pixel: no cache and no look for doubles can shorten the work.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from scripts.render import CLASSES, jpeg, render

#: Name → height and width, pixels.
SIZES = {"1mp": (864, 1152), "12mp": (3000, 4000), "224": (224, 224)}
#: Rendering 12 megapixels takes half a minute; those are enlarged from 3, with the grain of a sensor.
_RENDERED = {"1mp": (864, 1152), "12mp": (1500, 2000), "224": (224, 224)}
#: Different pictures of each size.
PICTURES = {"1mp": 24, "12mp": 4, "224": 46}
BANK_CLASSES, BANK_SAMPLES = 10, 5


@dataclass
class Photos:
    """Hands out folders of photos that nobody has seen."""

    #: Rendered pictures, kept between runs.
    store: Path
    #: Files for this run.
    work: Path
    #: Surrounds what is made once and kept.
    preparing: Callable[[], AbstractContextManager[None]] = nullcontext

    def __post_init__(self) -> None:
        self._count = itertools.count()

    def fresh(self, size: str, count: int, below: Path | None = None) -> Path:
        """A new folder of `count` photos of one of SIZES, each file with a content of its own."""
        sources = [path.read_bytes() for path in self._pictures(size)]
        folder = (below or self.work) / f"{size}-{next(self._count)}"
        folder.mkdir(parents=True)
        for number in range(count):
            mark = f"{folder.name}/{number}/{next(self._count)}"
            (folder / f"{number:05d}.jpg").write_bytes(marked(sources[number % len(sources)], mark))
        return folder

    def bank(self) -> Path:
        """A folder a class, for the bank that every measurement ranks with."""
        folder = self.store / "bank"
        if folder.exists():
            return folder
        with self.preparing():
            made = folder.with_suffix(".part")
            shutil.rmtree(made, ignore_errors=True)
            for name in list(CLASSES)[:BANK_CLASSES]:
                for seed in range(BANK_SAMPLES):
                    target = made / name / f"{seed}.jpg"
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(jpeg(render(name, 5000 + seed, 224)))
            made.rename(folder)
        return folder

    def _pictures(self, size: str) -> list[Path]:
        folder = self.store / size
        wanted = [folder / f"{number}.jpg" for number in range(PICTURES[size])]
        missing = [path for path in wanted if not path.exists()]
        if missing:
            folder.mkdir(parents=True, exist_ok=True)
            with self.preparing(), ProcessPoolExecutor() as pool:
                list(pool.map(_render, [size] * len(missing), missing))
        return wanted


def files(folder: Path) -> list[Path]:
    """A folder's photos, in order."""
    return sorted(folder.rglob("*.jpg"))


def marked(photo: bytes, mark: str) -> bytes:
    """The JPEG with a comment behind its start-of-image marker."""
    text = mark.encode()
    return photo[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + photo[2:]


def _render(size: str, path: Path) -> None:
    number = int(path.stem)
    name = list(CLASSES)[number % len(CLASSES)]
    pixels = render(name, 9000 + number, _RENDERED[size])
    height, width = SIZES[size]
    if pixels.shape[:2] != (height, width):
        pixels = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))
        grain = np.random.default_rng(number).normal(0, 4, (height, width, 1)).astype(np.float32)
        pixels = np.clip(pixels + grain, 0, 255).astype(np.uint8)
    part = path.with_suffix(".part")
    part.write_bytes(jpeg(pixels))
    part.rename(path)
