"""What `WEFT_MODEL=demo` means: the one place to change when the demo gets other weights."""

from __future__ import annotations

from pathlib import Path

#: A config in `architectures/`.
ARCHITECTURE = "weft-demo"
#: Weights file in the repository, or None: weights from `SEED`.
WEIGHTS: Path | None = None
#: Seed of the weights where there is no file.
SEED = 20260
#: False: every surface says that nothing it answers can be trusted.
TRAINED = False
