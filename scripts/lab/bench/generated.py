"""Generated vectors: overlapping clusters in a space of fewer dimensions than the vectors have, as embeddings are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

#: Dimensions that the generated vectors really vary in.
_INNER = 48
_BLOCK = 20_000


def generated(
    count: int, dim: int, path: Path, *, each: int = 50, queries: int = 0, seed: int = 1
) -> npt.NDArray[np.float32]:
    """Writes [count, dim] float16 unit vectors to `path`, cluster by cluster of `each`; returns [queries, dim] further
    ones of the same clusters, which are not in the file."""
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(_INNER, dim)).astype(np.float32)
    scale = (1 / np.sqrt(1 + np.arange(_INNER) / 8)).astype(np.float32)
    centres = rng.normal(size=(max(1, count // each), _INNER)).astype(np.float32)

    def members(of: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        inner = centres[of] + 0.7 * rng.standard_normal((len(of), _INNER), np.float32)
        block = (inner * scale) @ basis + rng.standard_normal((len(of), dim), np.float32)
        unit: npt.NDArray[np.float32] = block / np.linalg.norm(block, axis=1, keepdims=True)
        return unit

    rows = np.lib.format.open_memmap(path, "w+", np.float16, (count, dim))
    for start in range(0, count, _BLOCK):
        of = np.minimum(np.arange(start, min(start + _BLOCK, count)) // each, len(centres) - 1)
        rows[start : start + len(of)] = members(of)
    return members(rng.integers(0, len(centres), queries))
