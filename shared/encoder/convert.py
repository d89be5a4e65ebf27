"""Converts one model's image tower to OpenVINO, in a process of its own: `python -m shared.encoder.convert`.

It answers with the identity of what it made (see `model_child`). open_clip builds both towers (1.9 GB for ViT-B/32);
that memory ends with the process.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.core.engine_names import EngineName
from shared.core.errors import ModelError
from shared.encoder import engine, hardware
from shared.encoder.converter import ConversionRequest
from shared.encoder.describe import info_of
from shared.encoder.model_child import serve
from shared.encoder.store import ModelStore, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.encoder.definition import Definition
    from shared.encoder.preprocessing import Preprocessing
    from shared.encoder.spec import Part
    from shared.encoder.store import Manifest

#: Photos of the fidelity check.
FIDELITY_PHOTOS = 16


def convert(store: ModelStore, part: Part, say: Callable[[str], None]) -> str:
    """Converts `part` unless it is already in the store; returns its identity.

    The model appears in the store complete or not at all.
    Raises ModelError: those of `definition.create`, and `model_unfaithful`.
    """
    with store.locked():
        if (found := store.find(part)) is not None and found.converted:
            return found.identity
        say(f"{part.name}: loading")
        from shared.encoder.definition import create

        definition = create(part, store.weights_dir)
        # The same model under another name, e.g. a tag's file put by hand: workers may be using that folder.
        same = read(store.folder(definition.identity(store)))
        if same is not None and same.converted:
            return same.identity
        staging = Path(tempfile.mkdtemp(prefix=".converting-", dir=store.root))
        try:
            manifest = _write(store, definition, staging, say)
            (staging / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
            staging.chmod(0o755)  # mkdtemp's 0700 would hide it from workers of another user
            final = store.folder(manifest.identity)
            shutil.rmtree(final, ignore_errors=True)
            staging.rename(final)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        say(f"{part.name}: ready")
        return manifest.identity


def _write(store: ModelStore, definition: Definition, folder: Path, say: Callable[[str], None]) -> Manifest:
    import open_clip
    import openvino
    import torch
    from PIL import Image

    from shared.encoder.fidelity import REFUSED_BELOW, cosines, encode_files, synthetic_photos
    from shared.encoder.openvino_engine import OpenVinoEncoder

    part, preprocessing = definition.part, definition.preprocessing
    transform = definition.transform
    tower = definition.image_tower()
    say(f"{part.name}: converting")
    photos = synthetic_photos(FIDELITY_PHOTOS)
    with torch.inference_mode():
        pixels = torch.stack([transform(Image.open(io.BytesIO(photo)).convert("RGB")) for photo in photos])
        expected = tower(pixels).float().numpy()
    tower.only_what_is_read()
    xml = folder / "model.xml"
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing, which OpenVINO's frontend does, is deprecated in torch
        example = torch.zeros(2, 3, *preprocessing.size)
        tower(example)  # what a tower prepares at its first use is no part of the graph
        graph = openvino.convert_model(tower, example_input=example, input=[-1, 3, *preprocessing.size])
    # float16 weights: half the disk and memory, 1e-7 of cosine; the arithmetic is the engine's (bf16 or f32)
    openvino.save_model(_with_pixels_in(graph, preprocessing), str(xml), compress_to_fp16=True)

    say(f"{part.name}: comparing with torch")
    manifest = replace(
        definition.manifest(store),
        size=sum(file.stat().st_size for file in (xml, xml.with_suffix(".bin"))),
        made_by={"torch": torch.__version__, "open_clip": open_clip.__version__, "openvino": openvino.__version__},
    )
    for precision in sorted({"f32", hardware.cpu_precision()}):
        info = info_of(manifest, engine.Engine(EngineName.OPENVINO, precision))
        encoder = OpenVinoEncoder(info, preprocessing, xml, threads=len(os.sched_getaffinity(0)), micro_batch=8)
        found = cosines(encode_files(encoder, photos), expected)
        encoder.close()
        if not found["mean"] >= REFUSED_BELOW:  # NaN is refused too
            raise ModelError("model_unfaithful", model=part.name, mean=found["mean"])
        manifest = replace(manifest, fidelity=manifest.fidelity | {precision: found})
    return manifest


def _with_pixels_in(graph: Any, preprocessing: Preprocessing) -> Any:
    """The tower with ToTensor and Normalize in front: uint8 [n, h, w, 3] in."""
    import openvino
    from openvino.preprocess import PrePostProcessor

    wrapped = PrePostProcessor(graph)
    wrapped.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    wrapped.input().model().set_layout(openvino.Layout("NCHW"))
    steps = wrapped.input().preprocess().convert_element_type(openvino.Type.f32)
    steps.mean([255 * value for value in preprocessing.mean]).scale([255 * value for value in preprocessing.std])
    return wrapped.build()


def main() -> int:
    return serve(_read)


def _read(document: Any) -> tuple[Part, Callable[[Callable[[str], None]], str]]:
    request = ConversionRequest.from_json(document)
    store = ModelStore(Path(request.root), Path(request.weights_dir))
    return request.part, partial(convert, store, request.part)


if __name__ == "__main__":
    sys.exit(main())
