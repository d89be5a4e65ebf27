"""What makes two encoders the same: architecture, weights and preprocessing, in one digest. Needs nothing numeric."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from shared.core.errors import Unavailable
from shared.core.files import sha256_of, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from shared.encoder.open_clip_config import ModelConfig
    from shared.encoder.preprocessing import Preprocessing

#: Hex digits of a digest.
DIGITS = 16


def digest(*parts: Any) -> str:
    """Digest of plain data: 16 hex digits of the SHA-256 of its canonical JSON."""
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:DIGITS]


def of_model(
    architecture: str, config: ModelConfig, weights: str, preprocessing: Preprocessing, *, quick_gelu: bool = False
) -> str:
    """Identity of one model; `weights` the SHA-256 of its file; `quick_gelu` where that is not in `config` itself."""
    parts = (architecture, config.raw, weights, preprocessing.to_json())
    # Only where it differs from the config: models whose config says it all keep the identity that their banks know.
    return digest(*parts, "quick_gelu") if quick_gelu else digest(*parts)


def of_joined(identities: list[str]) -> str:
    """Identity of several models whose vectors are concatenated, in this order; one model keeps its own."""
    return identities[0] if len(identities) == 1 else digest("joined", identities)


def weights_sha256(path: Path, memory: Path) -> str:
    """SHA-256 of a weights file; remembered in the file `memory` by path, size and modification time."""
    stat = path.stat()
    key = f"{path}|{stat.st_size}|{stat.st_mtime_ns}"
    try:
        known: dict[str, str] = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if key not in known:
        known[key] = sha256_of(path)
        try:
            memory.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(memory, json.dumps(known).encode(), mode=0o644)
        except (OSError, Unavailable):  # a store that is read-only only costs hashing again
            pass
    return known[key]
