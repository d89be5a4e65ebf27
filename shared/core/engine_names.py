"""The names of the engines that compute vectors, for what only has to know of them."""

from __future__ import annotations

from enum import StrEnum


class EngineName(StrEnum):
    """As in `EncoderInfo.engine`, heartbeats, bank manifests and jobs."""

    OPENVINO = "openvino"
    TORCH = "torch"
    NULL = "null"
    SLEEP = "sleep"


#: Engines that derive vectors from photos' hashes: there is no model behind their answers.
HASH_ENGINES = frozenset({EngineName.NULL, EngineName.SLEEP})
