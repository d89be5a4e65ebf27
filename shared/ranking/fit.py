"""What a bank learns from its own samples before it is sealed: centroids, the fine method, calibration, thresholds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.ranking.methods import DEFAULT, Floats, Ints

#: Softmax temperature of the default method where nothing could be calibrated.
DEFAULT_TEMPERATURE = 0.05


@dataclass(frozen=True)
class Fitted:
    #: [C, d]
    centroids: Floats
    #: [C, d + 1] for linear methods.
    linear: Floats | None
    #: The manifest's `ranking`.
    manifest: dict[str, Any]


def centroids_of(vectors: npt.NDArray[Any], owner: Ints) -> Floats:
    """[C, d] L2-normalised means of the rows of each class; every class 0…C-1 has a row. `owner` ascends."""
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    sums = np.stack(
        [np.sum(block, axis=0, dtype=np.float32) for block in np.split(vectors, starts[1:])]
    )
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    centroids: Floats = (sums / np.maximum(lengths, 1e-12)).astype(np.float32)
    return centroids


def fit_ranking(
    vectors: npt.NDArray[np.float16],
    owner: Ints,
    texts: Floats | None,
    progress: Callable[[int, int], None],
) -> Fitted:
    """Fits what ranking needs to [n, d] samples whose classes are `owner` (ascending)."""
    manifest = {"method": DEFAULT.document(), "calibration": {"*": {"temperature": DEFAULT_TEMPERATURE}}}
    progress(1, 1)
    return Fitted(centroids_of(vectors, owner), None, manifest)
