"""torch: the engine of a machine with CUDA, and the tested fallback on a CPU. Runs open_clip's own modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from shared.encoder.definition import create
from shared.encoder.joined import normalise
from shared.types import EncoderInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shared.encoder.engine import Engine
    from shared.encoder.preprocessing import Preprocessing
    from shared.encoder.protocol import Prepared
    from shared.encoder.spec import Part
    from shared.encoder.store import ModelStore

_DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchEncoder:
    """Implements `Encoder`."""

    needs_pixels = True

    def __init__(
        self, info: EncoderInfo, tower: torch.nn.Module, preprocessing: Preprocessing, *, micro_batch: int
    ) -> None:
        self.info = info
        self.decode_size = 2 * preprocessing.side
        self.micro_batch = micro_batch
        self.streams = 1
        self._preprocessing = preprocessing
        self._device = torch.device(info.device.lower())
        self._dtype = _DTYPES[info.precision]
        self._tower: Any = tower.to(self._device, self._dtype)
        scale = 255 * torch.tensor([preprocessing.mean, preprocessing.std])
        self._mean, self._std = (row.view(1, 3, 1, 1).to(self._device) for row in scale)
        self._stream = torch.cuda.Stream(self._device) if self._device.type == "cuda" else None
        self._pinned = torch.empty(0, dtype=torch.uint8)

    @classmethod
    def load(cls, store: ModelStore, part: Part, chosen: Engine, *, threads: int, micro_batch: int) -> TorchEncoder:
        """Builds the part's model. Raises ModelError as `definition.create` does."""
        if chosen.device == "CPU":
            torch.set_num_threads(max(1, threads))
        definition = create(part, store.weights_dir)
        info = EncoderInfo(
            model=part.name,
            identity=definition.identity(store),
            precision=chosen.precision,
            engine="torch",
            dim=definition.dim,
            input_size=definition.preprocessing.side,
            device=chosen.device,
            trained=part.trained,
        )
        return cls(info, definition.image_tower(), definition.preprocessing, micro_batch=micro_batch)

    def prepare(self, rgb: NDArray[np.uint8]) -> Prepared:
        return self._preprocessing.apply(rgb)

    def encode(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        if not batch:
            return np.zeros((0, self.info.dim), np.float32)
        with torch.inference_mode():
            if self._stream is None:
                return self._forward(torch.from_numpy(np.stack(batch)))
            with torch.cuda.stream(self._stream):
                return self._forward(self._staged(batch).to(self._device, non_blocking=True))

    def _forward(self, pixels: torch.Tensor) -> NDArray[np.float32]:
        """uint8 [n, h, w, 3] on the device → float32 [n, dim] on the host; waits for this stream only."""
        # channels-last in memory as decoded; the scaling is done in float32, and only its result is rounded
        scaled = (pixels.permute(0, 3, 1, 2).float() - self._mean) / self._std
        features: torch.Tensor = self._tower(scaled.to(self._dtype))
        return normalise(features.float().cpu().numpy())

    def _staged(self, batch: Sequence[Prepared]) -> torch.Tensor:
        """The batch in page-locked memory, which the GPU copies from without a detour; the buffer is kept."""
        if len(batch) > len(self._pinned):
            self._pinned = torch.empty((len(batch), *batch[0].shape), dtype=torch.uint8, pin_memory=True)
        staged = self._pinned[: len(batch)]
        np.stack(batch, out=staged.numpy())
        return staged

    def encode_hashes(self, sha256s: Sequence[str]) -> NDArray[np.float32]:
        raise NotImplementedError("this engine takes pixels")

    def close(self) -> None:
        self._tower = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
