"""The engines, declared once: how each is written in WEFT_ENGINE, and which module loads it. Imports nothing numeric.

A new engine is a name in `EngineName`, a row of `ENGINES`, and a module with `load(request: LoadRequest) -> Encoder`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.core.engine_names import HASH_ENGINES, EngineName
from shared.core.errors import InvalidRequest
from shared.encoder import hardware


@dataclass(frozen=True, slots=True)
class Engine:
    """How vectors are to be computed here."""

    kind: EngineName
    #: `f32`, `bf16`, `fp16`, `int8`, `w8` (weights in int8) or `null`.
    precision: str
    device: str = "CPU"
    #: `sleep` only: seconds a photo.
    seconds: float = 0.0

    @property
    def has_model(self) -> bool:
        return self.kind not in HASH_ENGINES


@dataclass(frozen=True, slots=True)
class EngineRule:
    #: Offers `load(request: LoadRequest) -> Encoder`; imported only by the process that encodes.
    module: str
    #: Value of WEFT_ENGINE → the engine that it means on this machine. `name:VALUE` takes what follows the colon, and
    #: raises ValueError where that cannot be read.
    choices: Mapping[str, Callable[[str], Engine]]


def _torch(on_cuda: str, on_cpu: Callable[[], str]) -> Engine:
    if hardware.cuda_likely():
        return Engine(EngineName.TORCH, on_cuda, "CUDA")
    return Engine(EngineName.TORCH, on_cpu())


ENGINES: dict[EngineName, EngineRule] = {
    EngineName.OPENVINO: EngineRule(
        "shared.encoder.openvino_engine",
        {
            "openvino": lambda _: Engine(EngineName.OPENVINO, hardware.cpu_precision()),
            "openvino-int8": lambda _: Engine(EngineName.OPENVINO, "int8"),
            "openvino-w8": lambda _: Engine(EngineName.OPENVINO, "w8"),
        },
    ),
    EngineName.TORCH: EngineRule(
        "shared.encoder.torch_engine",
        {
            "torch": lambda _: _torch("fp16", hardware.cpu_precision),
            # For the few towers whose activations leave float16's range.
            "torch-bf16": lambda _: _torch("bf16", lambda: "bf16"),
        },
    ),
    EngineName.NULL: EngineRule("shared.encoder.hashed", {"null": lambda _: Engine(EngineName.NULL, "null")}),
    EngineName.SLEEP: EngineRule(
        "shared.encoder.hashed",
        {"sleep:MS": lambda ms: Engine(EngineName.SLEEP, "null", seconds=max(0.0, float(ms)) / 1000)},
    ),
}

_CHOICES = {text: choose for rule in ENGINES.values() for text, choose in rule.choices.items()}
#: What WEFT_ENGINE may say.
CHOICES = ("auto", *_CHOICES)


def parse(text: str) -> Engine:
    """The engine that a WEFT_ENGINE value means on this machine. Raises InvalidRequest."""
    chosen = text.strip().lower()
    if chosen == "auto":
        chosen = "torch" if hardware.cuda_likely() else "openvino"
    name, colon, value = chosen.partition(":")
    for choice, choose in _CHOICES.items():
        if choice.partition(":")[:2] == (name, colon):
            try:
                return choose(value)
            except ValueError:
                break
    raise InvalidRequest(reason=f"WEFT_ENGINE={text}: choose one of {', '.join(CHOICES)}")
