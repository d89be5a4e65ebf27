"""CLIP's text tower on torch, in a process of its own (see `model_child`): `python -m shared.encoder.text_tower`.

Only the text half of a model's weights is loaded.
"""

from __future__ import annotations

import base64
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.encoder.model_child import serve
from shared.encoder.text import TextAnswer, TextRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from shared.encoder.spec import Part

#: Texts per forward pass.
_BATCH = 64


def encoded(part: Part, weights_dir: Path, texts: list[str]) -> tuple[NDArray[np.float32], float]:
    """L2-normalised float32 [n, dim], and the model's softmax temperature. Raises ModelError."""
    import torch

    from shared.encoder.definition import text_model
    from shared.encoder.tokenizers import tokenizer_for

    model, config = text_model(part, weights_dir)
    rows = [np.zeros((0, config.embed_dim), np.float32)]
    with torch.inference_mode():
        if texts:
            tokenize = tokenizer_for(part, config, weights_dir)
            for start in range(0, len(texts), _BATCH):
                vectors = model.encode_text(tokenize(texts[start : start + _BATCH]), normalize=True)
                rows.append(vectors.float().cpu().numpy())
        return np.concatenate(rows), 1 / float(model.logit_scale.exp())


def main() -> int:
    return serve(_read)


def _read(document: Any) -> tuple[Part, Callable[[Callable[[str], None]], Any]]:
    request = TextRequest.from_json(document)
    return request.part, partial(_answer, request)


def _answer(request: TextRequest, _say: Callable[[str], None]) -> Any:
    vectors, temperature = encoded(request.part, Path(request.weights_dir), request.texts)
    data = base64.b64encode(vectors.astype("<f4").tobytes()).decode()
    return TextAnswer(vectors=data, dim=vectors.shape[1], temperature=temperature).to_json()


if __name__ == "__main__":
    sys.exit(main())
