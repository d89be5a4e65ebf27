"""From settings to a loaded encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.errors import ModelError
from shared.encoder import converter, engine, spec, tuning
from shared.encoder.describe import combine, describe, info_of
from shared.encoder.hashed import HashedEncoder
from shared.encoder.joined import JoinedEncoder
from shared.encoder.store import ModelStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.core.settings import Settings
    from shared.encoder.engine import Engine
    from shared.encoder.protocol import Encoder
    from shared.encoder.spec import Part

#: Photos per call on a CPU: beyond this a larger batch gains nothing, and an interactive photo waits longer.
CPU_BATCH = 16
#: On a GPU, with CUDA graphs: larger ones gain little, and an interactive photo waits longer.
CUDA_BATCH = 64
#: One copies while another computes.
CUDA_STREAMS = 2


def load(settings: Settings, *, threads: int, say: Callable[[str], None], concurrent: bool) -> Encoder:
    """See `shared.encoder.load_encoder`."""
    chosen = engine.parse(settings.engine)
    if chosen.precision == "null":
        return HashedEncoder(describe(settings), micro_batch=settings.micro_batch or CPU_BATCH, seconds=chosen.seconds)
    if chosen.device == "CUDA" and settings.engine == "auto" and not _cuda_works():
        say("torch finds no CUDA device here; using OpenVINO on the CPU")
        chosen = engine.parse("openvino")
    parts = spec.parse(settings.model)
    halves = [_load_part(settings, part, chosen, threads, say, concurrent) for part in parts]
    if len(halves) == 1:
        return halves[0]
    return JoinedEncoder(combine([half.info for half in halves], chosen), halves)


def _cuda_works() -> bool:
    import torch

    return torch.cuda.is_available()


def _load_part(
    settings: Settings, part: Part, chosen: Engine, threads: int, say: Callable[[str], None], concurrent: bool
) -> Encoder:
    store = ModelStore.of(settings)
    if chosen.kind == "torch":
        from shared.encoder.torch_engine import TorchEncoder

        batch = settings.micro_batch or (CUDA_BATCH if chosen.device == "CUDA" else CPU_BATCH)
        streams = CUDA_STREAMS if concurrent else 1
        return TorchEncoder.load(
            store, part, chosen, threads=threads, micro_batch=batch, streams=streams, gpu_jpeg=settings.gpu_jpeg
        )
    manifest = converter.ensure(store, part, say)
    folder = store.folder(manifest.identity)
    if chosen.precision == "int8":
        if not (manifest.int8 and manifest.int8.get("adopted")):
            raise ModelError("model_not_quantized", model=part.name)
        folder = folder / "int8"
    from shared.encoder.openvino_engine import OpenVinoEncoder

    info = info_of(manifest, chosen)

    def make(streams: int, micro_batch: int) -> OpenVinoEncoder:
        xml, batch = folder / "model.xml", settings.micro_batch or micro_batch
        return OpenVinoEncoder(info, manifest.preprocessing, xml, threads=threads, micro_batch=batch, streams=streams)

    if not concurrent:
        return make(1, CPU_BATCH)
    found = tuning.tuned(folder, info.precision, threads, lambda streams: make(streams, CPU_BATCH), say)
    return make(found.streams, found.micro_batch)
