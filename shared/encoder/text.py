"""CLIP's text tower, on torch: needed when a bank is built, never in a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from shared.core.settings import Settings

#: Texts per forward pass.
_BATCH = 64


def temperature(settings: Settings) -> float:
    """Softmax temperature of cosines between pictures and texts, as the weights have it; several models' mean."""
    from shared.encoder import spec
    from shared.encoder.definition import create

    models = [create(part, settings.weights_dir).model for part in spec.parse(settings.model)]
    return 1 / (sum(float(model.logit_scale.exp()) for model in models) / len(models))


def encode(settings: Settings, texts: Sequence[str]) -> NDArray[np.float32]:
    """See `shared.encoder.encode_texts`; several models' vectors are concatenated as their image vectors are.

    With a null engine there is no text space to match: raises ModelError like any model that cannot be loaded.
    """
    import numpy as np
    import torch

    from shared.encoder import spec
    from shared.encoder.definition import create, tokenizer_for
    from shared.encoder.joined import concatenate

    halves: list[NDArray[np.float32]] = []
    for part in spec.parse(settings.model):
        definition = create(part, settings.weights_dir)
        tokenize = tokenizer_for(part)
        rows: list[NDArray[np.float32]] = []
        with torch.inference_mode():
            for start in range(0, len(texts), _BATCH):
                vectors = definition.model.encode_text(tokenize(list(texts[start : start + _BATCH])), normalize=True)
                rows.append(vectors.float().cpu().numpy())
        halves.append(np.concatenate(rows) if rows else np.zeros((0, definition.dim), np.float32))
    return concatenate(halves)
