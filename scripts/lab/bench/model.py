"""ViT-B/32 with seeded weights, the same file for Weft and for every peer: what is measured is speed, not answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ARCHITECTURE = "ViT-B-32"
#: Image tower of ViT-B/32 at 224 pixels: 4,408,811,520 multiply-adds, less what Weft leaves out of the last block.
FLOPS_A_PHOTO = 2 * (4_408_811_520 - 292_776_960)

_MAKE = """
import sys, torch, open_clip
from safetensors.torch import save_file
torch.manual_seed(0)
model = open_clip.create_model(sys.argv[1], pretrained=None)
save_file({name: value.contiguous() for name, value in model.state_dict().items()}, sys.argv[2])
"""


def weights(store: Path, architecture: str = ARCHITECTURE) -> Path:
    """The weights file below `store`; made once, in a process of its own (torch)."""
    path = store / architecture / "seeded.safetensors"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        subprocess.run([sys.executable, "-c", _MAKE, architecture, part], check=True, capture_output=True)
        part.chmod(0o644)
        part.rename(path)
    return path


def setting(path: Path) -> str:
    """WEFT_MODEL for that file."""
    return f"{path.parent.name}/{path}"
