"""One CUDA stream with everything it needs to encode: page-locked buffers, and the tower captured as CUDA graphs.

A tower is some two hundred kernels, and launching them takes Python longer than the GPU takes to run them on a small
micro-batch, while the decoding threads want the interpreter too. A captured graph is one launch
(https://docs.pytorch.org/docs/stable/notes/cuda.html, "CUDA Graphs"). It has one shape, so a micro-batch is filled up
to the next of a few sizes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import structlog
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from shared.encoder.protocol import Prepared

_log = structlog.get_logger(__name__)

#: A graph has this many times the photos of the one before it: at most so much of a micro-batch is filling.
_STEP = 4


class CudaLane:
    """Used by one thread at a time; several lanes overlap one's copies with another's arithmetic."""

    def __init__(
        self,
        forward: Callable[[torch.Tensor], torch.Tensor],
        shape: tuple[int, ...],
        dim: int,
        *,
        batch: int,
        device: torch.device,
        graphs: bool = True,
    ) -> None:
        """`forward`: uint8 [n, *shape] on the device → float32 [n, dim] there; `batch`: photos at once at most."""
        self._forward = forward
        self._stream = torch.cuda.Stream(device)
        # Blocking: waiting for the GPU must not spin on a core that decoding needs.
        self._done = torch.cuda.Event(blocking=True)
        self._pixels = torch.empty((batch, *shape), dtype=torch.uint8, pin_memory=True)
        self._answer = torch.empty((batch, dim), dtype=torch.float32, pin_memory=True)
        self._input = torch.zeros((batch, *shape), dtype=torch.uint8, device=device)
        self._graphs: dict[int, tuple[torch.cuda.CUDAGraph, torch.Tensor]] = {}
        with torch.inference_mode():
            wanted = sizes(batch)
            self._warm_up(wanted)
            if graphs:
                self._capture(wanted)

    def encode(self, photos: Sequence[Prepared]) -> NDArray[np.float32]:
        """uint8 [*shape] each, no more than `batch` of them → float32 [n, dim]."""
        count = len(photos)
        np.stack(photos, out=self._pixels[:count].numpy())
        size = next((size for size in self._graphs if size >= count), count)
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            self._input[:count].copy_(self._pixels[:count], non_blocking=True)
            if size in self._graphs:
                graph, found = self._graphs[size]
                graph.replay()
            else:
                found = self._forward(self._input[:count])
            self._answer[:count].copy_(found[:count], non_blocking=True)
            self._done.record(self._stream)
        self._done.synchronize()
        return self._answer[:count].numpy().copy()

    def _warm_up(self, wanted: Sequence[int]) -> None:
        """Libraries choose their kernels and workspaces at a shape's first call, which must not be captured."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            for size in wanted:
                self._forward(self._input[:size])
        self._stream.synchronize()

    def _capture(self, wanted: Sequence[int]) -> None:
        pool = torch.cuda.graph_pool_handle()
        try:
            for size in wanted:
                graph = torch.cuda.CUDAGraph()
                # Other threads may use the device meanwhile.
                with torch.cuda.graph(graph, pool=pool, stream=self._stream, capture_error_mode="thread_local"):
                    found = self._forward(self._input[:size])
                self._graphs[size] = (graph, found)
        except RuntimeError as error:
            # A tower that reads a value back cannot be captured; it runs kernel by kernel.
            self._graphs.clear()
            torch.cuda.synchronize()
            _log.warning("cuda_graph_not_captured", reason=str(error).splitlines()[0])


def sizes(batch: int) -> list[int]:
    """The sizes of the graphs for micro-batches up to `batch`, smallest first."""
    found = [batch]
    while found[0] > 1:
        found.insert(0, max(1, found[0] // _STEP))
    return found
