"""Measures an encoder as a worker runs it: start-up, memory, speed, and how close it is to torch."""

from __future__ import annotations

import io
import statistics
import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import psutil

from shared.core.documents import Document
from shared.core.errors import InvalidRequest
from shared.encoder import converter, load_encoder, spec
from shared.encoder.fidelity import cosines, encode_files, synthetic_photos
from shared.encoder.joined import concatenate
from shared.encoder.store import ModelStore
from shared.photos.decode import Limits, decode

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from shared.core.settings import Settings
    from shared.encoder.protocol import Encoder

#: Seconds that the encoder's speed is measured for.
MEASURED_SECONDS = 3.0


class ModelCheck(Document):
    """An encoder as a worker runs it; names carry their units."""

    model: str
    identity: str
    trained: bool
    engine: str
    precision: str
    device: str
    threads: int
    micro_batch: int
    dim: int
    input_size: int
    start_s: float
    resident_mb: int
    decode_per_s: float
    encode_per_s: float
    batch_ms: float
    #: Cosine to torch: `mean min photos`; None without torch.
    fidelity: dict[str, float] | None
    #: By model and precision.
    fidelity_at_conversion: dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True, slots=True)
class _Speed:
    decode_per_s: float
    encode_per_s: float
    batch_ms: float


def check_model(settings: Settings, *, threads: int, photos: int, say: Callable[[str], None]) -> ModelCheck:
    """Converts the model where needed, then measures it. Raises ModelError, InvalidRequest."""
    # The model is measured, not what is made of several of its vectors.
    settings = settings.model_copy(update={"views": "1"})
    store = ModelStore.of(settings)
    manifests = [converter.ensure(store, part, say) for part in spec.parse(settings.model)]
    files = synthetic_photos(photos)
    started = time.perf_counter()
    encoder = load_encoder(settings, threads=threads, say=say)
    if not encoder.needs_pixels:
        raise InvalidRequest(reason=f"WEFT_ENGINE={settings.engine} has no model to check")
    first = encode_files(encoder, files[:1])
    ready = time.perf_counter() - started
    say("measuring speed")
    speed = _speed(encoder, files)
    memory = psutil.Process().memory_info().rss / 1e6  # before torch is loaded for the comparison
    say("comparing with torch")
    vectors = encode_files(encoder, files)
    info = encoder.info
    encoder.close()
    return ModelCheck(
        model=info.model,
        identity=info.identity,
        trained=info.trained,
        engine=info.engine,
        precision=info.precision,
        device=info.device,
        threads=threads,
        micro_batch=encoder.micro_batch,
        dim=first.shape[1],
        input_size=info.input_size,
        start_s=round(ready, 2),
        resident_mb=round(memory),
        decode_per_s=speed.decode_per_s,
        encode_per_s=speed.encode_per_s,
        batch_ms=speed.batch_ms,
        fidelity=against_torch(settings, files, vectors),
        fidelity_at_conversion={manifest.name: manifest.fidelity for manifest in manifests},
    )


def _speed(encoder: Encoder, files: list[bytes]) -> _Speed:
    """Photos a second in bare loops: decoded and prepared by one thread; encoded in micro-batches (the median one)."""
    started = time.perf_counter()
    prepared = [encoder.prepare(decode(file, encoder.decode_size, Limits())) for file in files]
    decoding = len(files) / (time.perf_counter() - started)
    batch = [prepared[index % len(prepared)] for index in range(encoder.micro_batch)]
    encoder.encode(batch)
    seconds: list[float] = []
    while sum(seconds) < MEASURED_SECONDS:
        began = time.perf_counter()
        encoder.encode(batch)
        seconds.append(time.perf_counter() - began)
    return _Speed(
        decode_per_s=round(decoding, 1),
        encode_per_s=round(len(batch) / statistics.median(seconds), 1),
        batch_ms=round(1000 * statistics.median(seconds), 1),
    )


def against_torch(settings: Settings, files: list[bytes], vectors: NDArray[np.float32]) -> dict[str, float] | None:
    """Cosine to torch float32 with open_clip's own transform of the fully decoded photos; None without torch."""
    if find_spec("torch") is None or find_spec("open_clip") is None:
        return None
    import torch
    from PIL import Image

    from shared.encoder.definition import create

    halves: list[NDArray[np.float32]] = []
    for part in spec.parse(settings.model):
        definition = create(part, settings.weights_dir)
        transform, tower = definition.transform, definition.image_tower()
        with torch.inference_mode():
            pixels = torch.stack([transform(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])
            halves.append(tower(pixels).float().numpy())
    return cosines(vectors, concatenate(halves))
