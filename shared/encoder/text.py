"""Asks CLIP's text tower, when a bank is built; never in a worker. The caller's process never imports torch."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.core.documents import Document
from shared.core.errors import ModelError
from shared.core.process import child_environment
from shared.encoder import spec
from shared.encoder.joined import concatenate
from shared.encoder.spec import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shared.core.settings import Settings


class TextRequest(Document):
    """What `shared.encoder.text_tower` is asked."""

    part: Part
    weights_dir: str
    texts: list[str]


class TextError(Document):
    """The code and the values of an error's sentence."""

    code: str
    detail: Any


class TextAnswer(Document):
    #: float32 [n, dim], little-endian, in base64.
    vectors: str = ""
    dim: int = 0
    temperature: float = 0.0
    error: TextError | None = None


def temperature(settings: Settings) -> float:
    """Softmax temperature of cosines between pictures and texts, as the weights have it; of several models, that of
    their mean scale. Raises ModelError."""
    found = [_ask(settings, part, []).temperature for part in spec.parse(settings.model)]
    return len(found) / sum(1 / one for one in found)


def encode(settings: Settings, texts: Sequence[str]) -> NDArray[np.float32]:
    """See `shared.encoder.encode_texts`; several models' vectors are concatenated as their image vectors are."""
    halves: list[NDArray[np.float32]] = []
    for part in spec.parse(settings.model):
        answer = _ask(settings, part, list(texts))
        halves.append(np.frombuffer(base64.b64decode(answer.vectors), "<f4").reshape(-1, answer.dim))
    return concatenate(halves)


def _ask(settings: Settings, part: Part, texts: list[str]) -> TextAnswer:
    """Raises ModelError, also where the process died (out of memory, most likely)."""
    request = TextRequest(part=part, weights_dir=str(settings.weights_dir), texts=texts)
    done = subprocess.run(
        [sys.executable, "-m", "shared.encoder.text_tower"],
        input=json.dumps(request.to_json()),
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=child_environment(),
        check=False,
    )
    lines = done.stdout.splitlines()
    if not lines:
        reason = f"the process of its text tower ended with status {done.returncode}; see the log"
        raise ModelError(model=part.name, reason=reason)
    answer = TextAnswer.from_json(json.loads(lines[-1]))
    if answer.error is not None:
        raise ModelError(answer.error.code, **answer.error.detail)
    return answer
