"""What makes two encoders the same: architecture, weights and preprocessing, in one digest. Needs nothing numeric."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from shared.encoder.preprocessing import Preprocessing

#: Hex digits of a digest.
DIGITS = 16


def digest(*parts: Any) -> str:
    """Digest of plain data: 16 hex digits of the SHA-256 of its canonical JSON."""
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:DIGITS]


def of_model(architecture: str, config: dict[str, Any], weights: str, preprocessing: Preprocessing) -> str:
    """Identity of one model; `config` is its open_clip config, `weights` the SHA-256 of its file."""
    return digest(architecture, config, weights, preprocessing.to_dict())


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
        with path.open("rb") as file:
            known[key] = hashlib.file_digest(file, "sha256").hexdigest()
        try:
            memory.parent.mkdir(parents=True, exist_ok=True)
            fresh = memory.with_name(f"{memory.name}.{os.getpid()}")
            fresh.write_text(json.dumps(known), encoding="utf-8")
            fresh.replace(memory)
        except OSError:  # a store that is read-only only costs hashing again
            pass
    return known[key]
