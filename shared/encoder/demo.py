"""What `WEFT_MODEL=demo` means: the model that lies in the repository. Its card is docs/model-card.md."""

from __future__ import annotations

from pathlib import Path

#: As every surface names it: whoever reads an answer reads what gave it.
NAME = "demo (trained on rendered fabrics only)"
#: A config in `architectures/`, and the weights beside it.
ARCHITECTURE = "weft-fabric"
WEIGHTS = Path(__file__).parent / "architectures" / f"{ARCHITECTURE}.safetensors"
#: Shares of right first answers that pages show beside it, measured by `scripts.lab.bench.embedded`: rendered cloths
#: never trained on, with 8 samples per class and by class names alone; 27 real leathers, 16 samples per class.
FIGURES = {"rendered": 0.9559, "by_name": 0.9788, "leather": 0.9833}


def is_demo(model: str) -> bool:
    """Whether a model's name (several are joined by ` + `) has the demo model in it."""
    return NAME in model.split(" + ")
