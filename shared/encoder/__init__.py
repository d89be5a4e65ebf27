"""CLIP's image tower with its preprocessing: RGB pixels in, one L2-normalised float32 vector out.

open_clip defines the model (architecture, weights, preprocessing); an engine runs it. Importing this package imports
nothing numeric: `describe` is for the web process too, engines are loaded by `load_encoder` only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.encoder.describe import describe
from shared.encoder.protocol import Encoder, Prepared
from shared.encoder.silence import silence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from shared.core.settings import Settings

__all__ = ["Encoder", "Prepared", "describe", "encode_texts", "load_encoder"]

# All that run an encoder import this package first.
silence()


def _silent(_line: str) -> None:
    return None


def load_encoder(
    settings: Settings, *, threads: int, say: Callable[[str], None] = _silent, concurrent: bool = False
) -> Encoder:
    """The encoder that the settings ask for, warm after its first call; converts the model first where needed.

    `threads`: cores that the encoder may use; one `encode` call uses them all, unless `concurrent`: then they are
    divided among as many `streams` as serve best here, for a caller that calls from so many threads. `say` is given
    progress lines (conversion, tuning, slow loads).
    Raises ModelError: `model_unavailable`, `model_no_network`, `model_needs_torch`, `model_not_quantized`.
    """
    from shared.encoder.load import load

    return load(settings, threads=threads, say=say, concurrent=concurrent)


def encode_texts(settings: Settings, texts: Sequence[str]) -> NDArray[np.float32]:
    """CLIP text vectors, float32 [n, dim], L2-normalised, in the image vectors' space. Needs torch and open_clip."""
    from shared.encoder.text import encode

    return encode(settings, texts)
