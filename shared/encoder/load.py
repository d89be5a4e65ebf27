"""From settings to a loaded encoder."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from shared.encoder import engine
from shared.encoder.load_request import LoadRequest
from shared.encoder.views import ViewsEncoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.core.settings import Settings
    from shared.encoder.protocol import Encoder


def load(settings: Settings, *, threads: int, say: Callable[[str], None], concurrent: bool) -> Encoder:
    """See `shared.encoder.load_encoder`."""
    request = LoadRequest(settings, engine.parse(settings.engine), threads, say, concurrent)
    if request.chosen.device == "CUDA" and settings.engine == "auto" and not _cuda_works():
        say("torch finds no CUDA device here; using OpenVINO on the CPU")
        request = request.with_engine("openvino")
    encoder: Encoder = import_module(engine.ENGINES[request.chosen.kind].module).load(request)
    if settings.views == "1" or not encoder.needs_pixels:
        return encoder
    return ViewsEncoder(encoder, settings.views)


def _cuda_works() -> bool:
    import torch

    return torch.cuda.is_available()
