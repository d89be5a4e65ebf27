"""JPEG decoding on the GPU (nvJPEG through torchvision) for the threads that prepare photos.

nvJPEG is quick on many photos at once, and torchvision lets one call in at a time: the photos that arrive while some
are being decoded are the next to be decoded together. They come back at the size that scaled decoding would give, so
that what follows is the same as on a machine without a GPU.
"""

from __future__ import annotations

import io
import threading
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog
import torch
import torch.nn.functional as F
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

_log = structlog.get_logger(__name__)

#: Photos decoded together at most.
_BATCH = 32
#: Bytes of JPEG decoded together at most: a dozen of 12 megapixels are half a gigabyte of pixels.
_BATCH_BYTES = 64 * 1024**2

_Request = tuple[bytes, int, "Future[NDArray[np.uint8] | None]"]


class GpuJpeg:
    """Safe to call from any number of threads; `device` may be the CPU, for tests."""

    def __init__(self, device: torch.device) -> None:
        """Raises RuntimeError or ImportError where this torchvision cannot decode on the device."""
        from torchvision.io import ImageReadMode, decode_jpeg

        self._device = device
        self._decode: Any = decode_jpeg
        self._mode = ImageReadMode.RGB
        self._queue: SimpleQueue[_Request | None] = SimpleQueue()
        blank = io.BytesIO()
        Image.new("RGB", (64, 64)).save(blank, "JPEG")
        self._together([(blank.getvalue(), 32)])
        threading.Thread(target=self._serve, name="gpu-jpeg", daemon=True).start()

    def __call__(self, data: bytes, target: int) -> NDArray[np.uint8] | None:
        """uint8 [h, w, 3] whose shorter side is `target`, or the photo's if that is less; None: decode it yourself."""
        answer: Future[NDArray[np.uint8] | None] = Future()
        self._queue.put((data, target, answer))
        return answer.result()

    def close(self) -> None:
        self._queue.put(None)

    def _serve(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, size = [first], len(first[0])
            while len(batch) < _BATCH and size < _BATCH_BYTES:
                try:
                    following = self._queue.get_nowait()
                except Empty:
                    break
                if following is None:
                    self._queue.put(None)
                    break
                batch.append(following)
                size += len(following[0])
            self._answer(batch)

    def _answer(self, batch: list[_Request]) -> None:
        try:
            found: list[NDArray[np.uint8] | None] = [*self._together([(data, target) for data, target, _ in batch])]
        except Exception as error:  # whatever the codec makes of a damaged or unusual file
            if len(batch) > 1:
                for request in batch:
                    self._answer([request])
                return
            _log.debug("jpeg_decoded_on_cpu", reason=str(error).splitlines()[0])
            found = [None]
        for (_, _, answer), pixels in zip(batch, found, strict=True):
            answer.set_result(pixels)

    @torch.inference_mode()
    def _together(self, photos: list[tuple[bytes, int]]) -> list[NDArray[np.uint8]]:
        encoded = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data, _ in photos]
        decoded = self._decode(encoded, mode=self._mode, device=self._device)
        small = [_shrunk(pixels, target) for pixels, (_, target) in zip(decoded, photos, strict=True)]
        return [pixels.cpu().numpy() for pixels in small]


def _shrunk(pixels: torch.Tensor, target: int) -> torch.Tensor:
    """uint8 [3, h, w] → uint8 [h', w', 3] whose shorter side is `target` at most."""
    height, width = pixels.shape[1:]
    ratio = target / min(height, width)
    if ratio < 1:
        size = (max(target, round(height * ratio)), max(target, round(width * ratio)))
        scaled = F.interpolate(pixels[None].float(), size=size, mode="bicubic", antialias=True)
        pixels = scaled[0].round_().clamp_(0, 255).to(torch.uint8)
    return pixels.permute(1, 2, 0).contiguous()
