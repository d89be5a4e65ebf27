"""One model in one process: the device's limit, encoding, torch's plain loop, fidelity, decoding, the pipeline."""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image

from scripts.lab.bench.clock import Reading
from scripts.lab.bench.gpu.rate import DEVICE, per_second
from scripts.lab.bench.gpu.setting import Setting, operations, setting, tell
from scripts.lab.bench.loops import Loops
from shared.core.settings import Settings
from shared.encoder import spec
from shared.encoder.definition import create
from shared.encoder.fidelity import cosines, encode_files, synthetic_photos
from shared.encoder.preprocessing import Preprocessing
from shared.encoder.torch_engine import TorchEncoder

#: Photos a call; the product's own among them.
BATCHES = (1, 16, 64, 256) if DEVICE == "cuda" else (1, 16)


def main() -> None:
    with setting() as given:
        settings = Settings.model_validate(given.settings(data_dir=str(given.data), micro_batch=str(max(BATCHES))))
        began = time.perf_counter()
        loops = Loops(settings)
        encoder = loops.encoder
        assert isinstance(encoder, TorchEncoder)
        tell(device=_device(), start_s=time.perf_counter() - began, gpu_jpeg=encoder.read_jpeg is not None)
        definition = create(spec.parse(settings.model)[0], settings.weights_dir)
        flops = operations(definition.config.vision, definition.dim)
        limit = _limit(encoder.info.precision)
        tell(limit_tflops=limit / 1e12, limit_photos_per_s=limit / flops, gflops_a_photo=flops / 1e9)
        photos = [
            np.random.default_rng(n).integers(0, 256, (*definition.preprocessing.size, 3), np.uint8)
            for n in range(max(BATCHES))
        ]
        tell(encode=_rates(encoder, photos))
        _plain(definition, photos, encoder)
        _fidelity(encoder, definition)
        _folders(given, loops, encoder)


def _device() -> str:
    return torch.cuda.get_device_name() if DEVICE == "cuda" else "CPU"


def _limit(precision: str) -> float:
    """The best rate of one large matrix product on random numbers, operations a second."""
    kind = {"fp16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}[precision]
    side, device = (8192 if DEVICE == "cuda" else 1024), DEVICE
    a, b = (torch.randn(side, side, device=device, dtype=torch.float32).to(kind) for _ in range(2))
    best = per_second(lambda: torch.mm(a, b), 1)
    return 2 * side**3 * best


def _rates(encoder: TorchEncoder, photos: list[Any]) -> dict[str, float]:
    return {
        str(batch): per_second(lambda batch=batch: encoder.encode(photos[:batch]), batch, encoder.streams)  # type: ignore[misc]
        for batch in BATCHES
    }


def _fidelity(encoder: TorchEncoder, definition: Any) -> None:
    """Beside torch float32 on the CPU with open_clip's own transform of the fully decoded photos."""
    files = synthetic_photos(12)
    torch.set_num_threads(os.cpu_count() or 1)
    tower = definition.image_tower()
    with torch.inference_mode():
        pixels = torch.stack([definition.transform(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])
        expected = tower(pixels).float().numpy()
    tell(fidelity=cosines(encode_files(encoder, files), expected))
    reader, encoder.read_jpeg = encoder.read_jpeg, None
    tell(fidelity_cpu_jpeg=cosines(encode_files(encoder, files), expected))
    encoder.read_jpeg = reader


def _folders(given: Setting, loops: Loops, encoder: TorchEncoder) -> None:
    """Decoding alone, and the worker's pipeline, with the JPEG read on the GPU and on the CPU."""
    encoder.micro_batch = 64
    count = max(32, given.count // 4)

    def on_fresh(work: Callable[[Any], Reading]) -> dict[str, float]:
        folder = given.photos.fresh("1mp", count)
        taken = work(folder)
        shutil.rmtree(folder)
        return {"per_second": taken.per_second, "cpu_ms": taken.cpu_ms}

    reader = encoder.read_jpeg
    for name, chosen in (("gpu_jpeg", reader), ("cpu_jpeg", None)):
        if name == "gpu_jpeg" and reader is None:
            continue
        encoder.read_jpeg = chosen
        tell(**{f"decode_{name}": on_fresh(loops.decode), f"pipeline_{name}": on_fresh(loops.pipeline)})
    encoder.read_jpeg = reader


def _plain(definition: Any, photos: list[Any], encoder: TorchEncoder) -> None:
    """torch's plain loop: the tower in eager mode, float32 and float16, pixels prepared before; and without graphs."""
    tower = definition.image_tower()
    found = {}
    for kind in (torch.float32, torch.float16 if DEVICE == "cuda" else torch.bfloat16):
        moved = tower.to(DEVICE, kind)
        for batch in (1, 64):
            pixels = torch.randn(batch, 3, *definition.preprocessing.size)

            def once(pixels: torch.Tensor = pixels, kind: torch.dtype = kind, moved: Any = moved) -> Any:
                with torch.inference_mode():
                    return moved(pixels.to(DEVICE).to(kind)).float().cpu()

            found[f"{str(kind)[6:]}_{batch}"] = per_second(once, batch)
    tell(plain=found)
    preprocessing: Preprocessing = definition.preprocessing
    eager = TorchEncoder(
        encoder.info, tower, preprocessing, micro_batch=max(BATCHES), streams=2, gpu_jpeg=False, graphs=False
    )
    tell(encode_without_graphs=_rates(eager, photos))


if __name__ == "__main__":
    main()
