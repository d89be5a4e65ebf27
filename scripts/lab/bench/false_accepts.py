"""What a bank makes of photos that it cannot know: `python -m scripts.lab.bench.false_accepts --leather DIR`.

Two banks, made with the model that WEFT_MODEL names: of rendered fabrics, and of the photos in DIR (`train/` and
`test/`, one folder per class; `train/` makes the bank). Each is asked for photos of the other, for its own further
photos, and for pictures that show no fabric: pages of text, windows, flat colours, gradients, noise, walls and faces.
Verdicts are those of jobs: ranking, then the photo gate. Banks are made in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from scripts.lab.bench.photo_defects import NO_FABRIC, Picture, Rng, finished
from scripts.render import CLASSES, jpeg, render
from shared.bank.bank import Bank
from shared.bank.ranking_fit import Measured
from shared.bank.store import BankStore
from shared.core.documents import Document
from shared.core.settings import Settings, cores
from shared.curation.build import build_bank
from shared.encoder import Encoder, load_encoder
from shared.photos.decode import Limits, decode
from shared.photos.picture_measures import measure
from shared.pipeline.judging import judged
from shared.ranking.fitting.bootstrap import wilson
from shared.ranking.model import Verdict
from shared.ranking.ranker import rank

#: Side of drawn pictures; of each kind; rendered cloths of each class in the bank, and asked.
_SIDE, _EACH, _BANK, _ASKED = 256, 60, 6, 3
_SKIN = ((236, 200, 174), (198, 146, 112), (120, 80, 58))


def noise(side: int, rng: Rng) -> Picture:
    """Grain of one size, in colour."""
    size = int(rng.choice([1, 2, 4, 8]))
    small = rng.integers(0, 256, (-(-side // size), -(-side // size), 3), np.uint8)
    return np.asarray(np.kron(small, np.ones((size, size, 1), np.uint8))[:side, :side])


def wall(side: int, rng: Rng) -> Picture:
    """Bricks or tiles with joints, plastered unevenly."""
    ground = rng.integers(60, 220, 3)
    image = Image.new("RGB", (side, side), tuple(int(v) for v in np.clip(ground + 40, 0, 255)))
    pen, high = ImageDraw.Draw(image), int(rng.integers(14, 60))
    wide, joint = int(high * rng.uniform(1, 2.5)), int(rng.integers(1, 4))
    for row, top in enumerate(range(0, side, high)):
        for left in range(-wide + (row % 2) * wide // 2, side, wide):
            colour = tuple(int(v) for v in np.clip(ground + rng.normal(0, 12, 3), 0, 255))
            pen.rectangle((left, top, left + wide - joint, top + high - joint), fill=colour)
    rough = Image.effect_noise((side, side), 30).convert("RGB")
    return np.asarray(Image.blend(image, rough, 0.15))


def face(side: int, rng: Rng) -> Picture:
    """A face as far as a photo is concerned: a soft oval with eyes, mouth and hair before a plain ground."""
    image = Image.new("RGB", (side, side), tuple(int(v) for v in rng.integers(90, 240, 3)))
    pen, skin = ImageDraw.Draw(image), _SKIN[rng.integers(len(_SKIN))]
    at, reach = rng.uniform(0.42, 0.58, 2) * side, side * rng.uniform(0.25, 0.42)

    def oval(x: float, y: float, wide: float, high: float, colour: tuple[int, ...]) -> None:
        across, up = at[0] + x * reach, at[1] + y * reach
        pen.ellipse((across - wide * reach, up - high * reach, across + wide * reach, up + high * reach), fill=colour)

    hair = tuple(int(v) for v in rng.integers(10, 90, 3))
    oval(0, -0.35, 0.95, 1.0, hair)
    oval(0, 0.05, 0.78, 1.0, skin)
    for way in (-1, 1):
        oval(way * 0.32, -0.1, 0.14, 0.08, (250, 250, 250))
        oval(way * 0.32, -0.1, 0.07, 0.07, hair)
    oval(0, 0.5, 0.28, 0.07, (170, 70, 70))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(side / 200)))


_KINDS = NO_FABRIC | {"noise": noise, "wall": wall, "face": face}


class Answers(Document):
    """Shares 0…1 of the photos."""

    photos: int
    #: A definite class, wrong for all but the bank's own photos; between which values it lies with 95 % certainty.
    accepted: float
    interval: tuple[float, float]
    unsure: float
    not_in_bank: float
    #: A definite class before the photo gate looked.
    accepted_without_gate: float


class BankAnswers(Document):
    classes: int
    samples: int
    #: What the bank says itself, by leaving classes out.
    stated: Measured | None
    #: Kind of photo → what became of them.
    asked: dict[str, Answers]


def no_fabric(each: int = _EACH) -> dict[str, list[Picture]]:
    """Pictures by kind, [_SIDE, _SIDE, 3] uint8, as a camera would write them."""
    found = {}
    for name, draw in _KINDS.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        found[name] = [finished(draw(_SIDE, rng), rng) for _ in range(each)]
    return found


def asked(bank: Bank, vectors: npt.NDArray[np.float32], measures: Sequence[Mapping[str, float] | None]) -> Answers:
    """What becomes of photos, by their vectors ([q, d], L2-normalised) and what the gate measures of each."""
    rankings = rank(bank, vectors, "standard")
    limits = bank.manifest.photo_limits
    final = [judged(one, {"quality/1": own}, limits)[0] for one, own in zip(rankings, measures, strict=True)]
    shares = {verdict: float(np.mean([one.verdict is verdict for one in final])) for verdict in Verdict}
    low, high = wilson(shares[Verdict.LABEL], len(final))
    return Answers(
        photos=len(final),
        accepted=round(shares[Verdict.LABEL], 4),
        interval=(round(low, 4), round(high, 4)),
        unsure=round(shares[Verdict.UNSURE], 4),
        not_in_bank=round(shares[Verdict.NOT_IN_BANK], 4),
        accepted_without_gate=round(float(np.mean([one.verdict is Verdict.LABEL for one in rankings])), 4),
    )


def _encoded(encoder: Encoder, photos: list[Picture]) -> NDArray[np.float32]:
    step = max(1, encoder.micro_batch)
    parts = [encoder.encode([encoder.prepare(p) for p in photos[at : at + step]]) for at in range(0, len(photos), step)]
    rows = np.concatenate(parts).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _rendered(folder: Path, seeds: range) -> Path:
    for name in CLASSES:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            (folder / name / f"{seed}.jpg").write_bytes(jpeg(render(name, seed, _SIDE)))
    return folder


def measured(leather: Path, work: Path) -> dict[str, Any]:
    """Figures of both banks. `work`: an empty folder."""
    settings = Settings(data_dir=work / "data")
    store = BankStore(settings)
    encoder = load_encoder(settings, threads=settings.threads or cores())
    try:
        folders = {
            "rendered": (_rendered(work / "bank", range(_BANK)), _rendered(work / "asked", range(100, 100 + _ASKED))),
            "leather": (leather / "train", leather / "test"),
        }
        kinds = {name: _read(asked, encoder.decode_size) for name, (_, asked) in folders.items()}
        kinds |= no_fabric()
        seen = {name: (_encoded(encoder, photos), list(map(measure, photos))) for name, photos in kinds.items()}
        banks = {}
        for name, (bank_folder, _) in folders.items():
            bank = store.load(build_bank(bank_folder, encoder, settings))
            found = {kind: asked(bank, *what) for kind, what in seen.items()}
            stated = bank.manifest.ranking.measured
            banks[name] = BankAnswers(classes=len(bank.labels), samples=bank.rows, stated=stated, asked=found)
    finally:
        encoder.close()
    return {"model": encoder.info.model, "banks": {name: bank.to_json() for name, bank in banks.items()}}


def _read(folder: Path, size: int) -> list[Picture]:
    return [decode(path.read_bytes(), size, Limits()) for path in sorted(folder.glob("*/*.*"))]


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leather", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weft-false-accepts-") as work:
        text = json.dumps(measured(options.leather, Path(work)), ensure_ascii=False, indent=1)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
