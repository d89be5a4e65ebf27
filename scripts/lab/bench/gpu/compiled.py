"""Whether torch.compile pays: the tower with and without it, both captured as CUDA graphs, and what compiling takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from scripts.lab.bench.gpu.rate import DEVICE, per_second, settled
from scripts.lab.bench.gpu.setting import setting, tell
from shared.core.settings import Settings
from shared.encoder import spec
from shared.encoder.definition import create

BATCH = 64


def main() -> None:
    with setting() as given, torch.inference_mode():
        settings = Settings.model_validate(given.settings(data_dir=str(given.data)))
        definition = create(spec.parse(settings.model)[0], settings.weights_dir)
        kind = torch.float16 if DEVICE == "cuda" else torch.bfloat16
        tower: Any = definition.image_tower().to(DEVICE, kind)
        pixels = torch.randn(BATCH, 3, *definition.preprocessing.size, device=DEVICE).to(kind)
        tell(graph_per_s=per_second(_captured(tower, pixels), BATCH))
        began = time.perf_counter()
        compiled: Any = torch.compile(tower, dynamic=False)
        compiled(pixels)
        settled()
        tell(compile_s=time.perf_counter() - began)
        tell(compiled_graph_per_s=per_second(_captured(compiled, pixels), BATCH))


def _captured(tower: Any, pixels: torch.Tensor) -> Callable[[], None]:
    """One pass that waits for its end."""
    if DEVICE != "cuda":
        return lambda: tower(pixels)
    tower(pixels)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        tower(pixels)

    def once() -> None:
        graph.replay()
        torch.cuda.synchronize()

    return once


if __name__ == "__main__":
    main()
