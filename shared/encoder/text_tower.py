"""CLIP's text tower on torch, in a process of its own: `python -m shared.encoder.text_tower`.

A request (JSON) comes on stdin, an answer (JSON) goes to stdout. Only the text half of a model's weights is loaded, and
that memory ends with the process.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shared.core.errors import ModelError, WeftError
from shared.encoder.text import TextAnswer, TextError, TextRequest

if TYPE_CHECKING:
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
    tokenize = tokenizer_for(part, config, weights_dir) if texts else None
    rows: list[NDArray[np.float32]] = []
    with torch.inference_mode():
        for start in range(0, len(texts) if tokenize else 0, _BATCH):
            assert tokenize is not None
            vectors = model.encode_text(tokenize(texts[start : start + _BATCH]), normalize=True)
            rows.append(vectors.float().cpu().numpy())
        temperature = 1 / float(model.logit_scale.exp())
    return np.concatenate(rows) if rows else np.zeros((0, config.embed_dim), np.float32), temperature


def main() -> int:
    """Serves one request; libraries that print do so on stderr."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    request = TextRequest.from_json(json.load(sys.stdin))
    try:
        vectors, temperature = encoded(request.part, Path(request.weights_dir), request.texts)
    except WeftError as error:
        answer = TextAnswer(error=TextError(code=error.code, detail={"model": request.part.name} | error.detail))
    except Exception as error:
        import traceback

        traceback.print_exc()
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        failure = ModelError(model=request.part.name, reason=reason)
        answer = TextAnswer(error=TextError(code=failure.code, detail=failure.detail))
    else:
        data = base64.b64encode(vectors.astype("<f4").tobytes()).decode()
        answer = TextAnswer(vectors=data, dim=vectors.shape[1], temperature=temperature)
    print(json.dumps(answer.to_json()), file=lines, flush=True)
    return 1 if answer.error else 0


if __name__ == "__main__":
    sys.exit(main())
