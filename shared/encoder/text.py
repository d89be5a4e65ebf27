"""Asks CLIP's text tower, when a bank is built; never in a worker. The caller's process never imports torch."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np

from shared.core.documents import Document
from shared.encoder import spec
from shared.encoder.joined import concatenate
from shared.encoder.model_child import ModelRequest, ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shared.core.settings import Settings
    from shared.encoder.spec import Part


class TextRequest(ModelRequest):
    """What `shared.encoder.text_tower` is asked."""

    texts: list[str]


class TextAnswer(Document):
    #: float32 [n, dim], little-endian, in base64.
    vectors: str
    dim: int
    temperature: float


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
    request = TextRequest(part=part, weights_dir=str(settings.weights_dir), texts=texts)
    return TextAnswer.from_json(ask("shared.encoder.text_tower", request, "the process of its text tower"))
