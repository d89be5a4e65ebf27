"""Figures of the embedded model: `python -m scripts.lab.bench.embedded [--leather DIR] [--photos DIR]`.

Rendered photos come from seeds below the training seeds. DIR of `--leather` holds `train/` and `test/`, a folder a
class; `--photos` is one folder per class, judged leave-one-out by the nearest sample. Real photos are measured, never
trained on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.lab.train import measure
from scripts.render import CLASSES, render
from shared.core.settings import Settings
from shared.encoder import Encoder, encode_texts, load_encoder
from shared.photos import decode

#: Prompts averaged for a class name, a language at a time.
PROMPTS = {"en": ("{} fabric", "a photo of {} fabric.", "{}"), "zh": ("{}", "{}面料", "一张{}的照片")}
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


def encode(encoder: Encoder, pictures: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """uint8 RGB pictures of any size → vectors [n, d], through the engine and preprocessing that a worker uses."""
    rows, batch = [], []
    for picture in pictures:
        batch.append(encoder.prepare(picture))
        if len(batch) == encoder.micro_batch:
            rows.append(encoder.encode(batch))
            batch = []
    if batch:
        rows.append(encoder.encode(batch))
    return np.concatenate(rows)


def folder(encoder: Encoder, root: Path) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """Vectors and labels of one folder per class."""
    files = sorted(path for path in root.glob("*/*") if path.suffix.lower() in SUFFIXES)
    limits = decode.Limits()
    vectors = encode(encoder, (decode.decode(path.read_bytes(), encoder.decode_size, limits) for path in files))
    return vectors, np.array([path.parent.name for path in files])


def rendered(encoder: Encoder, settings: Settings, seeds: int, shots: int) -> dict[str, float]:
    """Few-shot and zero-shot top-1 on rendered photos of seeds 0…seeds-1."""
    vectors = encode(encoder, (render(name, seed) for name in CLASSES for seed in range(seeds)))
    classes = np.repeat(np.arange(len(CLASSES)), seeds)
    sample, fused = measure.few_shot(vectors, classes, shots)
    figures = {f"rendered_{shots}_shot_sample": sample, f"rendered_{shots}_shot_fused": fused}
    for language, prompts in PROMPTS.items():
        named = [entry.en if language == "en" else entry.zh for entry in CLASSES.values()]
        texts = np.mean([encode_texts(settings, [prompt.format(name) for name in named]) for prompt in prompts], axis=0)
        figures[f"rendered_zero_shot_{language}"] = measure.zero_shot(vectors, classes, texts)
    return figures


def leave_one_out(vectors: NDArray[np.float32], labels: NDArray[np.str_]) -> float:
    """Share of photos whose nearest other photo (cosine) has their label."""
    cosines = measure.unit(vectors) @ measure.unit(vectors).T
    np.fill_diagonal(cosines, -np.inf)
    return float((labels[cosines.argmax(1)] == labels).mean())


def images_a_second(encoder: Encoder, seconds: float = 4.0) -> float:
    """Encoding alone, prepared photos in micro-batches."""
    picture = np.random.default_rng(0).integers(0, 255, (encoder.decode_size, encoder.decode_size, 3), np.uint8)
    batch = [encoder.prepare(picture)] * encoder.micro_batch
    encoder.encode(batch)
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        done += len(encoder.encode(batch))
    return done / (time.perf_counter() - start)


def _vit_b_32(data_dir: Path, threads: int) -> Encoder:
    """ViT-B/32 with seeded weights: its speed does not depend on them."""
    import open_clip
    from safetensors.torch import save_file

    weights = data_dir / "vit.safetensors"
    save_file({k: v.contiguous() for k, v in open_clip.create_model("ViT-B-32").state_dict().items()}, str(weights))
    return load_encoder(Settings(data_dir=data_dir, model=f"ViT-B-32/{weights}"), threads=threads)


def renderer(count: int = 3) -> float:
    """Photos of 224 px a second on one core, all classes alike, when the tiles that designs share are made."""
    for name in CLASSES:
        for seed in range(8):
            render(name, seed)
    start = time.process_time()
    for name in CLASSES:
        for seed in range(count):
            render(name, 10 + seed)
    return len(CLASSES) * count / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leather", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--speed", action="store_true", help="also against ViT-B/32 (converts it first)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(data_dir=Path(scratch), model=options.model, engine=options.engine)
        encoder = load_encoder(settings, threads=options.threads)
        figures: dict[str, float | str] = {
            "model": encoder.info.model,
            "engine": f"{encoder.info.engine} {encoder.info.precision}",
        }
        if options.seeds > options.shots:
            figures |= rendered(encoder, settings, options.seeds, options.shots)
        if options.leather:
            bank, labels = folder(encoder, options.leather / "train")
            queries, truth = folder(encoder, options.leather / "test")
            figures["leather_nearest"] = measure.nearest(bank, labels, queries, truth)
        if options.photos:
            figures["photos_leave_one_out"] = leave_one_out(*folder(encoder, options.photos))
        if options.speed:
            figures["renderer_photos_a_second_core"] = renderer()
            figures["images_a_second"] = images_a_second(encoder)
            figures["images_a_second_vit_b_32"] = images_a_second(_vit_b_32(Path(scratch), options.threads))
    print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}, indent=2))


if __name__ == "__main__":
    main()
