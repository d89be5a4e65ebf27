"""WEFT_ENGINE read: which engine, at which precision, on which device. Needs nothing numeric."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.errors import InvalidRequest
from shared.encoder import hardware

CHOICES = ("auto", "openvino", "openvino-int8", "torch", "torch-bf16", "null", "sleep:MS")


@dataclass(frozen=True, slots=True)
class Engine:
    """How vectors are to be computed here."""

    #: `openvino`, `torch`, `null` or `sleep`, as in `EncoderInfo.engine`.
    kind: str
    #: `f32`, `bf16`, `fp16`, `int8` or `null`.
    precision: str
    device: str
    #: `sleep` only: seconds a photo.
    seconds: float = 0.0


def parse(text: str) -> Engine:
    """The engine that a WEFT_ENGINE value means on this machine. Raises InvalidRequest."""
    chosen = text.strip().lower()
    if chosen == "auto":
        chosen = "torch" if hardware.cuda_likely() else "openvino"
    if chosen == "openvino":
        return Engine("openvino", hardware.cpu_precision(), "CPU")
    if chosen == "openvino-int8":
        return Engine("openvino", "int8", "CPU")
    if chosen in ("torch", "torch-bf16"):
        if hardware.cuda_likely():
            # bf16: for the few towers whose activations leave float16's range
            return Engine("torch", "bf16" if chosen == "torch-bf16" else "fp16", "CUDA")
        return Engine("torch", "bf16" if chosen == "torch-bf16" else hardware.cpu_precision(), "CPU")
    if chosen == "null":
        return Engine("null", "null", "CPU")
    name, colon, milliseconds = chosen.partition(":")
    if name == "sleep" and colon:
        try:
            return Engine("sleep", "null", "CPU", seconds=max(0.0, float(milliseconds)) / 1000)
        except ValueError:
            pass
    raise InvalidRequest(reason=f"WEFT_ENGINE={text}: choose one of {', '.join(CHOICES)}")
