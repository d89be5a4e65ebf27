"""Measures architectures as a user with their weights would have them: `python -m scripts.lab.models_table [ARCH …]`.

Random weights of a fixed seed say nothing of a real model's answers, but whether it converts, how close Weft's vectors
are to open_clip's own, what it takes and how quick it is. Rows are kept in `models_measured.json` beside this file, one
at a time, so that a run goes on where it was ended; `make docs` makes the table of docs/models.md from them, and
`make models-test` compares it with what happens now.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scripts.lab.models_rows import ARCHITECTURES, FILE, ModelRow, rows
from shared.core.errors import ModelError
from shared.core.files import write_atomic
from shared.core.settings import Settings
from shared.encoder import load_encoder
from shared.encoder.choice import choose
from shared.encoder.converter import ensure
from shared.encoder.fidelity import encode_files
from shared.encoder.joined import normalise
from shared.encoder.spec import parse
from shared.encoder.store import ModelStore
from shared.encoder.tables import tags

#: Whose speed the others are compared with, in turns.
_MEASURE = "ViT-B-32"
SEED, _ROUNDS, _BATCHES = 7, 5, 3
#: Width and height of the photos: landscapes, portraits, squares, a tall and a wide one, a tiny one.
_SIZES = (
    (4752, 3168), (1920, 2716), (256, 256), (1920, 1080), (1024, 768), (768, 1024), (300, 1500), (48, 40), (1600, 200),
    (1200, 1200), (640, 480), (3000, 2000),
)  # fmt: skip


def photos(most: int) -> list[bytes]:
    """JPEG files of the shapes that people have, of so many pixels at most."""
    made = []
    for number, (width, height) in enumerate(_SIZES):
        if width * height > most:
            continue
        rng = np.random.default_rng((SEED, number))
        coarse = Image.fromarray(rng.integers(0, 255, (max(2, height // 16), max(2, width // 16), 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
        grain = np.clip(smooth + rng.integers(-10, 10, (height, width, 1), dtype=np.int16), 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(grain).save(file, "JPEG", quality=90)
        made.append(file.getvalue())
    return made


def save_weights(architecture: str, target: Path) -> None:
    """Random weights of the fixed seed, as float16 safetensors; in a process of its own, for its memory."""
    made = (
        "import sys, torch, open_clip\n"
        "from safetensors.torch import save_file\n"
        "from shared.encoder import architectures, halves\n"
        "architectures.register()\n"
        "name, target, seed = sys.argv[1:]\n"
        "torch.manual_seed(int(seed))\n"
        "needs_hub = open_clip.get_model_config(name)['text_cfg'].get('hf_model_name')\n"
        "model = open_clip.create_model(halves.image_alone(name) if needs_hub else name, pretrained=None)\n"
        "state = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}\n"
        "save_file({k: v.contiguous().clone() for k, v in state.items()}, target)\n"
    )
    line = [sys.executable, "-c", made, architecture, str(target), str(SEED)]
    subprocess.run(line, check=True, capture_output=True)


def measured(architecture: str, family: str, folder: Path, speed: bool = True, most: int = 100_000_000) -> ModelRow:
    """One row, of the weights in `folder`; of photos of up to `most` pixels."""
    weights = folder / f"{architecture}.safetensors"
    try:
        model = model_of(architecture, weights)
        settings = Settings(data_dir=folder / architecture, model=model, engine="openvino")
        return _row(settings, architecture, family, folder, speed, most)
    except ModelError as error:
        return ModelRow(architecture=architecture, family=family, error=error.code)


def model_of(architecture: str, weights: Path) -> str:
    """WEFT_MODEL for these weights."""
    model = f"{architecture}/{weights}"
    try:
        choose(parse(model)[0], weights)
    except ModelError as error:
        if error.code != "model_preprocessing_unclear":
            raise
        # Its tags are prepared differently: as the first of them.
        return f"{model}@{next(iter(tags(architecture)))}"
    return model


def _row(settings: Settings, architecture: str, family: str, folder: Path, speed: bool, most: int) -> ModelRow:
    part = parse(settings.model)[0]
    manifest = ensure(ModelStore.of(settings), part, lambda _: None)
    # Of the converting child: the only one so far.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    files = photos(most)
    encoder = load_encoder(settings, threads=len(os.sched_getaffinity(0)))
    found = encode_files(encoder, files)
    expected = _expected(settings, files)
    mean = expected.mean(axis=0)
    cosines = np.einsum("nd,nd->n", normalise(found), normalise(expected))
    centred = np.einsum("nd,nd->n", normalise(found - mean), normalise(expected - mean))
    rate = _speed(encoder, folder) if speed else 0.0
    encoder.close()
    return ModelRow(
        architecture=architecture,
        family=family,
        input_size=encoder.info.input_size,
        dim=found.shape[1],
        cosine=round(float(cosines.mean()), 6),
        smallest=round(float(cosines.min()), 6),
        centred=round(float(centred.min()), 4),
        peak_mb=int(peak),
        size_mb=round(manifest.size / 1e6),
        speed=rate,
        text=_text(settings),
    )


def _expected(settings: Settings, files: list[bytes]) -> Any:
    import torch

    from shared.encoder.definition import create

    definition = create(parse(settings.model)[0], settings.weights_dir)
    transform, tower = definition.transform, definition.image_tower()
    with torch.inference_mode():
        rows = [tower(transform(Image.open(io.BytesIO(file)).convert("RGB"))[None]).float().numpy() for file in files]
    return normalise(np.concatenate(rows))


def _speed(encoder: Any, folder: Path) -> float:
    """Photos per second over those of `_MEASURE`, in turns: the median ratio."""
    weights = folder / f"measure-{_MEASURE}.safetensors"
    if not weights.exists():
        save_weights(_MEASURE, weights)
    settings = Settings(data_dir=folder / "measure", model=f"{_MEASURE}/{weights}", engine="openvino")
    other = load_encoder(settings, threads=len(os.sched_getaffinity(0)))
    ratios = []
    for _ in range(_ROUNDS):
        seconds = {}
        for name, one in (("own", encoder), ("other", other)):
            size = one.info.input_size
            batch = [one.prepare(np.zeros((size, size, 3), np.uint8))] * one.micro_batch
            one.encode(batch)
            began = time.perf_counter()
            for _ in range(_BATCHES):
                one.encode(batch)
            seconds[name] = (time.perf_counter() - began) / one.micro_batch
        ratios.append(seconds["other"] / seconds["own"])
    other.close()
    return round(statistics.median(ratios), 2)


def _text(settings: Settings) -> str:
    from shared.encoder import encode_texts

    try:
        encode_texts(settings, ["linen", "亚麻"])
    except ModelError as error:
        return error.code
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architectures", nargs="*", help="only these, also if they were measured before")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="where weights and models are put for a while")
    asked = parser.parse_args()
    families = {name: family for family, names in ARCHITECTURES.items() for name in names}
    if asked.one:
        name = asked.architectures[0]
        print(json.dumps(measured(name, families[name], asked.folder).to_json()))
        return
    known = {row.architecture: row for row in rows()} if FILE.exists() else {}
    wanted = asked.architectures or [name for name in families if name not in known]
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        for name in wanted:
            weights = Path(folder) / f"{name}.safetensors"
            save_weights(name, weights)
            line = [sys.executable, "-m", "scripts.lab.models_table", "--one", name, "--folder", folder]
            done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            if name in known and known[name].int8 is not None:
                found["int8"] = known[name].to_json()["int8"]
            known[name] = ModelRow.from_json(found)
            print(known[name], flush=True)
            listed = [known[each].to_json() for each in families if each in known]
            write_atomic(FILE, (json.dumps(listed, indent=1) + "\n").encode())
            weights.unlink()
            shutil.rmtree(Path(folder) / name, ignore_errors=True)


if __name__ == "__main__":
    main()
