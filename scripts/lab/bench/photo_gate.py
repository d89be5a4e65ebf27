"""What the photo gate finds: `python -m scripts.lab.bench.photo_gate [--leather DIR] [--out FILE]`.

Limits are learnt from one half of the photos, as a bank's build does; defects of known size are made in the other half
(after each, the noise and the JPEG of a camera), and good photos are asked for false alarms. Photos: one rendered cloth
of each class, and DIR with `train/` and `test/`, one folder per class. Non-fabrics: pages of text, pictures of windows,
flat colours and gradients.
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.lab.bench.photo_defects import DEFECTS, NO_FABRIC, finished
from scripts.render import CLASSES, render
from shared.bank.photo_gate import PhotoLimits
from shared.core.documents import Document
from shared.curation.photo_limits import learn
from shared.photos.decode import Limits, decode
from shared.photos.picture_measures import measure

Picture = NDArray[np.uint8]
#: Side of rendered photos; photos of each kind of non-fabric.
_SIDE, _EACH = 256, 60


class GateFigures(Document):
    """Shares 0…1 of the photos with a defect."""

    photos: int
    #: Any defect was found; the one that was made; and a severe one.
    found: float
    named: float
    severe: float
    #: Code → photos.
    told: dict[str, int]


class GateReport(Document):
    milliseconds: float
    #: Set of photos → what was made → figures; `good`: nothing was, so that all are false alarms.
    sets: dict[str, dict[str, GateFigures]]
    limits: dict[str, PhotoLimits | None]


def figures(photos: list[Picture], code: str, limits: PhotoLimits) -> GateFigures:
    told = [dict(limits.defects(measure(photo) or {})) for photo in photos]
    count = max(1, len(told))
    return GateFigures(
        photos=len(told),
        found=round(sum(map(bool, told)) / count, 3),
        named=round(sum(code in one for one in told) / count, 3),
        severe=round(sum(any(one.values()) for one in told) / count, 3),
        told=dict(Counter(str(name) for one in told for name in one)),
    )


def examined(bank: list[Picture], asked: list[Picture]) -> tuple[dict[str, GateFigures], PhotoLimits]:
    """Figures by what was made of the asked photos, with the limits that the bank's teach."""
    limits = learn(measure(photo) for photo in bank) or PhotoLimits()
    made = {"good": figures(asked, "", limits)}
    for name, (code, spoil) in DEFECTS.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        others = asked[len(asked) // 2 :] + asked[: len(asked) // 2]
        spoilt = [finished(spoil(photo, other, rng), rng) for photo, other in zip(asked, others, strict=True)]
        made[name] = figures(spoilt, code, limits)
    for name, draw in NO_FABRIC.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        made[name] = figures([finished(draw(_SIDE, rng), rng) for _ in range(_EACH)], "no_fabric", limits)
    return made, limits


def folder(root: Path) -> list[Picture]:
    return [decode(path.read_bytes(), 448, Limits()) for path in sorted(root.glob("*/*.*"))]


def milliseconds(photos: list[Picture]) -> float:
    """Of processor time per photo."""
    began = time.process_time()
    for photo in photos:
        measure(photo)
    return round((time.process_time() - began) * 1000 / len(photos), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leather", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    sources: dict[str, Callable[[], tuple[list[Picture], list[Picture]]]] = {
        "rendered": lambda: (
            [render(name, seed, _SIDE) for name in CLASSES for seed in range(2)],
            [render(name, seed, _SIDE) for name in CLASSES for seed in (100, 101)],
        )
    }
    if options.leather:
        sources["leather"] = lambda: (folder(options.leather / "train"), folder(options.leather / "test"))
    sets: dict[str, dict[str, GateFigures]] = {}
    limits: dict[str, PhotoLimits | None] = {}
    taken = 0.0
    for name, source in sources.items():
        bank, asked = source()
        taken = milliseconds(bank[:100])
        sets[name], limits[name] = examined(bank, asked)
    document = GateReport(milliseconds=taken, sets=sets, limits=limits).to_json()
    text = json.dumps(document, ensure_ascii=False, indent=1)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
