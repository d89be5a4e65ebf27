"""OpenVINO on the CPU: the engine of a machine without a GPU. Imports no torch.

The properties are those of https://docs.openvino.ai, "CPU device". A compiled-model cache (CACHE_DIR) was measured and
left out: the store's float16 weights are mapped and compiled in half a second either way.
"""

from __future__ import annotations

from functools import cache
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino

from shared.core.errors import ModelError
from shared.encoder import compression, converter, hardware, tuning
from shared.encoder.describe import info_of
from shared.encoder.fidelity import encode_files, synthetic_photos
from shared.encoder.joined import normalise
from shared.encoder.load_request import CPU_BATCH
from shared.encoder.mapped_weights import MappedWeights

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from shared.core.encoder_info import EncoderInfo
    from shared.encoder.load_request import LoadRequest
    from shared.encoder.preprocessing import Preprocessing
    from shared.encoder.protocol import Encoder, Prepared, Transform
    from shared.encoder.spec import Part
    from shared.photos.pixels import Pixels

#: EncoderInfo.precision → OpenVINO's hint; a bf16 hint on an int8 model only slows it.
_HINTS = {"f32": "f32", "bf16": "bf16", "int8": "f32", "w8": hardware.cpu_precision()}


def load(request: LoadRequest) -> Encoder:
    """The encoder that WEFT_MODEL names; converts it first where needed. Raises ModelError."""
    return request.joined(_load_part)


def _load_part(request: LoadRequest, part: Part) -> OpenVinoEncoder:
    manifest = converter.ensure(request.store, part, request.say)
    folder = request.store.folder(manifest.identity)
    if request.chosen.precision == "int8":
        if not (manifest.int8 and manifest.int8.adopted):
            raise ModelError("model_not_quantized", model=part.name)
        folder = folder / "int8"
    elif request.chosen.precision == "w8":
        folder, _ = compression.ensure(request.store, part, request.say)
    info = info_of(manifest, request.chosen)

    def make(streams: int, micro_batch: int, smallest: int = 1) -> OpenVinoEncoder:
        return OpenVinoEncoder(
            info,
            manifest.preprocessing,
            folder / "model.xml",
            threads=request.threads,
            micro_batch=request.settings.micro_batch or micro_batch,
            streams=streams,
            smallest=smallest,
        )

    if not request.concurrent:
        return make(1, CPU_BATCH)
    found = tuning.tuned(folder, info.precision, request.threads, lambda streams: make(streams, CPU_BATCH), request.say)
    return make(found.streams, found.micro_batch, found.smallest)


def compile_tower(xml: Path, weights: MappedWeights, precision: str, threads: int, streams: int = 1) -> Any:
    """The compiled image tower: uint8 [n, h, w, 3] in, float32 [n, dim] out; `threads` are divided among `streams`."""
    settings = {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "INFERENCE_NUM_THREADS": max(1, threads),
        "NUM_STREAMS": streams,
        "PERFORMANCE_HINT": "LATENCY" if streams == 1 else "THROUGHPUT",
        # several workers on a machine would otherwise pin their threads to the same cores
        "ENABLE_CPU_PINNING": False,
    }
    model = _core().read_model(xml.read_bytes(), openvino.Tensor(weights.array, shared_memory=True))
    return _core().compile_model(model, "CPU", settings)


@cache
def _core() -> Any:
    """The one for the whole process, which is never given up.

    OpenVINO's CPU plugin brings a stack for signal handlers (sigaltstack(2)) and puts back what it found when its Core
    goes. Of two Cores whose lives overlap, the second puts back the stack of the first, which is gone: the next signal
    that Python handles would end the process.
    """
    return openvino.Core()


class OpenVinoEncoder:
    """Implements `Encoder`."""

    needs_pixels = True
    read_jpeg = None

    def __init__(
        self,
        info: EncoderInfo,
        preprocessing: Preprocessing,
        xml: Path,
        *,
        threads: int,
        micro_batch: int,
        streams: int = 1,
        smallest: int = 1,
    ) -> None:
        """Compiles the tower at `xml`. `smallest`: photos that are encoded at a time at least, see `tuning`.

        Raises ModelError `model_unavailable` where the file is damaged.
        """
        self.info = info
        self.decode_size = 2 * preprocessing.side
        self.micro_batch = micro_batch
        self.streams = streams
        self._preprocessing = preprocessing
        self._smallest = smallest
        #: OpenVINO copies the weights for the processor with the first photos, and some of them again for every other
        #: number of photos.
        self._seen: set[int] = set()
        try:
            self._weights = MappedWeights.of(xml.with_suffix(".bin"))
            compiled = compile_tower(xml, self._weights, info.precision, threads, streams)
            self._idle: SimpleQueue[Any] = SimpleQueue()
            for _ in range(streams):
                self._idle.put(compiled.create_infer_request())
        except (RuntimeError, OSError, ValueError) as error:
            raise ModelError(model=info.model, reason=str(error).strip().splitlines()[-1]) from error

    @property
    def transforms(self) -> tuple[Transform, ...]:
        return (self._preprocessing.apply,)

    def prepare(self, rgb: Pixels) -> Prepared:
        return self._preprocessing.apply(rgb)

    def encode(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        if not batch:
            return np.zeros((0, self.info.dim), np.float32)
        missing = max(0, self._smallest - len(batch))
        photos = np.stack([*batch, *[batch[0]] * missing])
        request = self._idle.get()
        try:
            answer = request.infer({0: photos}, share_inputs=True)
            return normalise(answer[0][: len(batch)])
        finally:
            self._idle.put(request)
            if len(photos) not in self._seen:
                self._seen.add(len(photos))
                self._weights.release()

    def encode_blank(self, photos: int) -> None:
        """Encodes so many black photos: for tuning."""
        height, width = self._preprocessing.size
        self.encode([np.zeros((height, width, 3), np.uint8)] * photos)

    def encode_specimens(self) -> NDArray[np.float32]:
        """Vectors of four fixed photos: for tuning."""
        return encode_files(self, synthetic_photos(4))

    def encode_hashes(self, sha256s: Sequence[str]) -> NDArray[np.float32]:
        raise NotImplementedError("this engine takes pixels")

    def close(self) -> None:
        self._idle = SimpleQueue()
