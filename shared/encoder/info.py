"""Which encoder made a vector."""

from __future__ import annotations

from dataclasses import dataclass

#: Engines that derive vectors from photos' hashes: there is no model behind their answers.
HASH_ENGINES = ("null", "sleep")


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """Which encoder made a vector. `identity` must match between a bank and a worker; `precision` need not."""

    #: As in WEFT_MODEL, e.g. `ViT-B-32/laion2b_s34b_b79k`, `demo`, or several joined by ` + `.
    model: str
    #: Digest of (architecture, weights, preprocessing): 16 hex digits.
    identity: str
    #: `f32`, `bf16`, `fp16`, `int8`, `null`.
    precision: str
    #: `openvino`, `torch`, `null`, `sleep`.
    engine: str
    dim: int
    #: Pixels, the square input's side (the largest of several models).
    input_size: int
    device: str = "CPU"
    #: False for vectors derived from hashes: nothing said of them can be trusted, and every surface says so.
    trained: bool = True

    @property
    def cache_digest(self) -> str:
        """Key of the embedding cache beside a photo's SHA-256."""
        return f"{self.identity}-{self.precision}"
