"""A small bank of the null engine: what a server needs to answer at all."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from scripts.lab.bench.product import weft


def small_bank(work: Path) -> tuple[Path, Path]:
    """(data folder with the bank, its 24 photos) below `work`, beside the folder that `running` needs."""
    template, photos = work / "template", work / "photos"
    (work / "run").mkdir()
    for number in range(24):
        path = photos / f"class-{number % 4}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (10 * number, 90, 200 - 5 * number)).save(path)
    weft(["bank", "build", photos], data_dir=str(template), engine="null")
    return template, photos
