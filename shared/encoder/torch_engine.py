"""torch: the engine of a machine with CUDA, and the tested fallback on a CPU. Runs open_clip's own modules."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog
import torch

from shared.encoder.definition import create
from shared.encoder.describe import info_of
from shared.encoder.joined import normalise
from shared.encoder.load_request import CPU_BATCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shared.core.encoder_info import EncoderInfo
    from shared.encoder.cuda_lane import CudaLane
    from shared.encoder.load_request import LoadRequest
    from shared.encoder.preprocessing import Preprocessing
    from shared.encoder.protocol import Encoder, JpegReader, Prepared, Transform
    from shared.encoder.spec import Part
    from shared.photos.pixels import Pixels

_log = structlog.get_logger(__name__)

#: With CUDA graphs: larger ones gain little, and an interactive photo waits longer.
CUDA_BATCH = 64
#: One copies while another computes.
CUDA_STREAMS = 2

_DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def load(request: LoadRequest) -> Encoder:
    """The encoder that WEFT_MODEL names. Raises ModelError as `definition.create` does."""
    return request.joined(_load_part)


def _load_part(request: LoadRequest, part: Part) -> TorchEncoder:
    """Builds the part's model; leaves its manifest in the store, so that others know it without torch."""
    on_cpu = request.chosen.device == "CPU"
    if on_cpu:
        torch.set_num_threads(max(1, request.threads))
    store = request.store
    definition = create(part, store.weights_dir)
    manifest = store.find(part)
    if manifest is None:
        manifest = definition.manifest(store)
        store.remember(manifest)
    return TorchEncoder(
        info_of(manifest, request.chosen),
        definition.image_tower().only_what_is_read(),
        definition.preprocessing,
        micro_batch=request.settings.micro_batch or (CPU_BATCH if on_cpu else CUDA_BATCH),
        streams=CUDA_STREAMS if request.concurrent else 1,
        gpu_jpeg=request.settings.gpu_jpeg,
    )


class TorchEncoder:
    """Implements `Encoder`."""

    needs_pixels = True

    def __init__(
        self,
        info: EncoderInfo,
        tower: torch.nn.Module,
        preprocessing: Preprocessing,
        *,
        micro_batch: int,
        streams: int = 1,
        gpu_jpeg: bool = True,
        graphs: bool = True,
    ) -> None:
        """`streams`, `gpu_jpeg` and `graphs` count on CUDA only."""
        self.info = info
        self.decode_size = 2 * preprocessing.side
        self.micro_batch = micro_batch
        self.streams = 1
        self.read_jpeg: JpegReader | None = None
        self._preprocessing = preprocessing
        self._device = torch.device(info.device.lower())
        self._dtype = _DTYPES[info.precision]
        self._tower: Any = tower.to(self._device, self._dtype)
        scale = 255 * torch.tensor([preprocessing.mean, preprocessing.std])
        self._mean, self._std = (row.view(1, 3, 1, 1).to(self._device) for row in scale)
        self._idle: SimpleQueue[CudaLane] | None = None
        if self._device.type == "cuda":
            from shared.encoder.cuda_lane import CudaLane

            self.streams = streams
            self._idle = SimpleQueue()
            for _ in range(streams):
                shape, dim = (*preprocessing.size, 3), info.dim
                lane = CudaLane(self._forward, shape, dim, batch=micro_batch, device=self._device, graphs=graphs)
                self._idle.put(lane)
            if gpu_jpeg:
                self.read_jpeg = _gpu_jpeg(self._device)

    @property
    def transforms(self) -> tuple[Transform, ...]:
        return (self._preprocessing.apply,)

    def prepare(self, rgb: Pixels) -> Prepared:
        return self._preprocessing.apply(rgb)

    def encode(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        if not batch:
            return np.zeros((0, self.info.dim), np.float32)
        if self._idle is None:
            with torch.inference_mode():
                return normalise(self._forward(torch.from_numpy(np.stack(batch))).numpy())
        lane = self._idle.get()
        try:
            steps = range(0, len(batch), self.micro_batch)
            return normalise(np.concatenate([lane.encode(batch[at : at + self.micro_batch]) for at in steps]))
        finally:
            self._idle.put(lane)

    def _forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 [n, h, w, 3] → float32 [n, dim], both on the device."""
        # channels-last in memory as decoded; the scaling is done in float32, and only its result is rounded
        scaled = (pixels.permute(0, 3, 1, 2).float() - self._mean) / self._std
        features: torch.Tensor = self._tower(scaled.to(self._dtype))
        return features.float()

    def encode_hashes(self, sha256s: Sequence[str]) -> NDArray[np.float32]:
        raise NotImplementedError("this engine takes pixels")

    def close(self) -> None:
        if self.read_jpeg is not None:
            self.read_jpeg.close()
        self._tower = None
        if self._idle is not None:
            self._idle = SimpleQueue()
            torch.cuda.empty_cache()


def _gpu_jpeg(device: torch.device) -> JpegReader | None:
    """The GPU's JPEG decoder; None where torchvision is missing or built without it."""
    try:
        from shared.encoder.gpu_jpeg import GpuJpeg

        return GpuJpeg(device)
    except (ImportError, AttributeError, RuntimeError) as error:
        _log.info("jpeg_decoded_on_cpu", reason=str(error).splitlines()[0])
        return None
