"""What weights in int8 bring one model: `python -m scripts.lab.models_w8 [MODEL]`, for docs/models.md.

Each precision is measured in processes of its own, in turns: CPU time per photo in batches of 16, resident memory, and
the vectors of synthetic photos beside the converted model in float32. Without MODEL: ViT-B/32 with random weights.
bf16 on a processor that has none is left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from scripts.lab.models_table import save_weights
from shared.core.settings import Settings
from shared.encoder import compression, engine, hardware, openvino_engine
from shared.encoder.converter import ensure
from shared.encoder.fidelity import cosines, encode_files, synthetic_photos
from shared.encoder.joined import normalise
from shared.encoder.quantization import encoder_of
from shared.encoder.spec import parse
from shared.encoder.store import ModelStore

_ARCHITECTURE = "ViT-B-32"
_PHOTOS, _BATCHES = 48, 12
#: Precision of the weights, and of what they are multiplied with.
_KINDS = (("f32", "f32"), ("w8", "f32"), ("bf16", "bf16"), ("w8", "bf16"))


def measured(settings: Settings, weights: str, activations: str, vectors: Path) -> dict[str, float]:
    """CPU milliseconds per photo and resident bytes; its vectors [n, dim] are written to the file `vectors`."""
    part = parse(settings.model)[0]
    store = ModelStore.of(settings)
    manifest = ensure(store, part, lambda _: None)
    folder = store.folder(manifest.identity)
    if weights == "w8":
        folder, _ = compression.ensure(store, part, lambda _: None)
        openvino_engine._HINTS["w8"] = activations
    encoder = encoder_of(manifest, replace(engine.parse("openvino"), precision=weights), folder / "model.xml")
    size = encoder.info.input_size
    batch = [encoder.prepare(np.zeros((size, size, 3), np.uint8))] * encoder.micro_batch
    encoder.encode(batch)
    began = time.process_time()
    for _ in range(_BATCHES):
        encoder.encode(batch)
    spent = time.process_time() - began
    resident = psutil.Process().memory_info().rss
    np.save(vectors, encode_files(encoder, synthetic_photos(_PHOTOS, seed=7)))
    return {"cpu_ms": 1000 * spent / (_BATCHES * len(batch)), "resident": resident}


def _in_turns(model: str, folder: Path, rounds: int) -> dict[str, list[dict[str, float]]]:
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for weights, activations in _KINDS:
            if "bf16" in (weights, activations) and hardware.cpu_precision() != "bf16":
                continue
            line = [sys.executable, "-m", "scripts.lab.models_w8", model, "--folder", str(folder)]
            told = subprocess.run([*line, "--one", weights, activations], check=True, stdout=subprocess.PIPE).stdout
            found.setdefault(f"{weights}-{activations}", []).append(json.loads(told.splitlines()[-1]))
    return found


def _row(name: str, runs: list[dict[str, float]], vectors: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> str:
    mean = normalise(expected).mean(axis=0)
    centred = cosines(normalise(vectors) - mean, normalise(expected) - mean)
    weights, activations = name.split("-")
    title = f"{activations}, weights in int8" if weights == "w8" else activations
    cpu = statistics.median(run["cpu_ms"] for run in runs)
    resident = statistics.median(run["resident"] for run in runs) / 1e6
    close = f"{cosines(vectors, expected)['min']:.5f} · {centred['min']:.4f}"
    return f"| {title} | {cpu:.0f} | {resident:.0f} | {close} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help="as WEFT_MODEL")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the model is made and kept; else in one that is removed")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        settings = Settings(data_dir=asked.folder, model=asked.model)
        print(
            json.dumps(
                measured(settings, asked.one[0], asked.one[1], asked.folder / f"{asked.one[0]}-{asked.one[1]}.npy")
            )
        )
        return
    with tempfile.TemporaryDirectory() as name:
        folder = (asked.folder or Path(name)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        model = asked.model
        if model is None:
            save_weights(_ARCHITECTURE, folder / f"{_ARCHITECTURE}.safetensors")
            model = f"{_ARCHITECTURE}/{folder / f'{_ARCHITECTURE}.safetensors'}"
        found = _in_turns(model, folder, asked.rounds)
        vectors = {kind: np.load(folder / f"{kind}.npy") for kind in found}
        print(f"{hardware.cpu_kind()}\n\n| precision | CPU ms per photo | resident, MB | smallest cosine · centred |")
        print("|---|--:|--:|--:|")
        for kind, runs in found.items():
            print(_row(kind, runs, vectors[kind], vectors["f32-f32"]))


if __name__ == "__main__":
    main()
