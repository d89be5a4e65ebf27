"""What int8 brings each architecture: `python -m scripts.lab.models_int8 [ARCH …]`, for the table of docs/models.md.

The product's own quantization (`weft model quantize`) of random weights, calibrated on rendered fabrics, beside the
converted model: vectors, and photos per second in turns. It goes on where a run was ended, as `models_table`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from scripts.lab.models_rows import FILE, Int8Row, ModelRow, rows
from scripts.lab.models_table import model_of, save_weights
from scripts.render import CLASSES, render_view, save_jpeg
from shared.core.errors import ModelError
from shared.core.files import write_atomic
from shared.core.settings import Settings
from shared.encoder import engine
from shared.encoder.converter import ensure
from shared.encoder.fidelity import cosines, encode_files
from shared.encoder.joined import normalise
from shared.encoder.quantization import encoder_of, quantize_model
from shared.encoder.spec import parse
from shared.encoder.store import ModelStore

#: Rendered classes, views of one cloth of each, and pixels of a side.
_CLASSES, _VIEWS, _PIXELS = 16, 4, 320
_ROUNDS, _BATCHES = 5, 3


def bank_of_renders(folder: Path) -> Path:
    """A folder per class, with some views of one cloth each."""
    for name in sorted(CLASSES)[:_CLASSES]:
        for view in range(_VIEWS):
            path = folder / name / f"{view}.jpg"
            if not path.exists():
                save_jpeg(path, render_view(name, 1, view, _PIXELS))
    return folder


def measured(architecture: str, folder: Path) -> Int8Row:
    """Of the weights in `folder`."""
    model = model_of(architecture, folder / f"{architecture}.safetensors")
    settings = Settings(data_dir=folder / architecture, model=model, engine="openvino")
    bank = bank_of_renders(folder / "renders")
    try:
        tower = quantize_model(settings, photos=[], bank=bank, say=lambda _: None)[0].int8
    except ModelError as error:
        return Int8Row(error=error.code)
    except RuntimeError as error:  # NNCF's and OpenVINO's own
        print(error, file=sys.stderr)
        return Int8Row(error=type(error).__name__)
    store = ModelStore.of(settings)
    manifest = ensure(store, parse(model)[0], lambda _: None)
    xml, chosen = store.folder(manifest.identity) / "model.xml", engine.parse("openvino")
    own = encoder_of(manifest, chosen, xml)
    int8 = encoder_of(manifest, replace(chosen, precision="int8"), xml.parent / "int8" / "model.xml")
    files = [path.read_bytes() for path in sorted(bank.rglob("*.jpg"))]
    before, after = encode_files(own, files), encode_files(int8, files)
    mean = normalise(before).mean(axis=0)
    likeness = cosines(after, before)
    centred = cosines(normalise(after) - mean, normalise(before) - mean)
    row = Int8Row(
        cosine=likeness["mean"],
        smallest=likeness["min"],
        centred=round(centred["min"], 4),
        speed=_speed(int8, own),
        beside=own.info.precision,
        before=round(tower.leave_one_out.before, 4),
        after=round(tower.leave_one_out.int8, 4),
    )
    own.close()
    int8.close()
    return row


def _speed(encoder: Any, beside: Any) -> float:
    """Photos per second over those of the other, in turns: the median ratio."""
    size = encoder.info.input_size
    ratios = []
    for _ in range(_ROUNDS):
        seconds = []
        for one in (encoder, beside):
            batch = [one.prepare(np.zeros((size, size, 3), np.uint8))] * one.micro_batch
            one.encode(batch)
            began = time.perf_counter()
            for _ in range(_BATCHES):
                one.encode(batch)
            seconds.append(time.perf_counter() - began)
        ratios.append(seconds[1] / seconds[0])
    return round(statistics.median(ratios), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architectures", nargs="*", help="only these, also if they were measured before")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="where weights and models are put for a while")
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(asked.architectures[0], asked.folder).to_json()))
        return
    known = {row.architecture: row for row in rows()}
    wanted = asked.architectures or [row.architecture for row in known.values() if not row.error and row.int8 is None]
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        for architecture in wanted:
            save_weights(architecture, folder / f"{architecture}.safetensors")
            line = [sys.executable, "-m", "scripts.lab.models_int8", "--one", architecture, "--folder", name]
            done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
            row = Int8Row.from_json(json.loads(done.stdout.splitlines()[-1]))
            print(architecture, row, row.advice(known[architecture].centred), flush=True)
            known[architecture] = _with(known[architecture], row)
            write_atomic(FILE, (json.dumps([row.to_json() for row in known.values()], indent=1) + "\n").encode())
            (folder / f"{architecture}.safetensors").unlink()
            shutil.rmtree(folder / architecture, ignore_errors=True)


def _with(row: ModelRow, int8: Int8Row) -> ModelRow:
    return ModelRow.from_json({**row.to_json(), "int8": int8.to_json()})


if __name__ == "__main__":
    main()
