"""Which encoder made a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict

#: How a photo's colours were treated before it was encoded: 1, as the file has them; 2, converted to sRGB. Vectors of
#: a photo with another profile differ, so the cache keeps both apart, and a bank says which its own are. It is no part
#: of a model's identity: banks of 1 still work.
COLOUR = 2


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """Which encoder made a vector. `identity` must match between a bank and a worker; `precision` need not."""

    #: In documents, keys that only a later version knows are passed over: there is no place for them here.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="ignore")

    #: As in WEFT_MODEL, e.g. `ViT-B-32/laion2b_s34b_b79k`, `demo`, or several joined by ` + `.
    model: str
    #: Digest of (architecture, weights, preprocessing): 16 hex digits.
    identity: str
    #: `f32`, `bf16`, `fp16`, `int8`, `w8` (weights in int8), `null`.
    precision: str
    #: `openvino`, `torch`, `null`, `sleep`.
    engine: str
    dim: int
    #: Pixels, the square input's side (the largest of several models).
    input_size: int
    device: str = "CPU"
    #: False for vectors derived from hashes: nothing said of them can be trusted, and every surface says so.
    trained: bool = True
    #: What the preprocessing was taken from, see `shared.encoder.choice.Source`; several are joined by ` + `.
    preprocessing: str = ""
    #: How many views of a photo are averaged, as in WEFT_VIEWS (`shared.encoder.views`).
    views: str = "1"

    @property
    def cache_digest(self) -> str:
        """Key of the embedding cache beside a photo's SHA-256."""
        return f"{self.identity}-{self.precision}-c{COLOUR}"


def told_apart(built: EncoderInfo, active: EncoderInfo) -> tuple[str, str]:
    """Names of two encoders for one sentence: with engine and views; where these are equal, with their identities."""
    first, second = (
        f"{one.model} ({one.engine}{'' if one.views == '1' else f', WEFT_VIEWS={one.views}'})"
        for one in (built, active)
    )
    if first == second:
        return f"{first[:-1]}, {built.identity})", f"{second[:-1]}, {active.identity})"
    return first, second
