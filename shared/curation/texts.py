"""Class-name embeddings, made when a bank is built and kept in it, so that no worker needs a text tower."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shared.bank.manifest import ClassEntry
from shared.core.encoder_info import EncoderInfo
from shared.core.engine_names import HASH_ENGINES
from shared.core.errors import ModelError
from shared.core.settings import Settings

#: Prompts whose embeddings are averaged (Radford et al., 2021, section 3.1.4), for close-ups of cloth.
TEMPLATES = ("a photo of {} fabric.", "a close-up photo of {} texture.", "{} fabric", "a swatch of {} cloth.")


def class_texts(classes: Sequence[ClassEntry], info: EncoderInfo, settings: Settings) -> npt.NDArray[np.float32] | None:
    """[C, d] L2-normalised, in the order of `classes`; None where the model has no trained text tower to ask."""
    if info.engine in HASH_ENGINES or not info.trained:
        return None
    try:
        from shared.encoder import encode_texts

        prompts = [template.format(entry.en) for entry in classes for template in TEMPLATES]
        rows = encode_texts(settings, prompts)
    except (ModelError, ImportError):  # a worker image without torch builds banks too; they have no text prior
        return None
    means = rows.reshape(len(classes), len(TEMPLATES), -1).mean(axis=1)
    unit: npt.NDArray[np.float32] = (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)
    return unit
