"""Class-name embeddings, made when a bank is built and kept in it, so that no worker needs a text tower."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared.bank.manifest import ClassEntry, NamesUnused
from shared.core.encoder_info import EncoderInfo
from shared.core.engine_names import HASH_ENGINES
from shared.core.errors import ModelError
from shared.core.settings import Settings
from shared.encoder import spec

#: Prompts whose embeddings are averaged (Radford et al., 2021, section 3.1.4), for close-ups of cloth.
TEMPLATES = ("a photo of {} fabric.", "a close-up photo of {} texture.", "{} fabric", "a swatch of {} cloth.")
#: The same for text towers that read Chinese, beside the others.
CHINESE_TEMPLATES = ("一张{}面料的照片。", "{}的纹理特写。", "{}面料", "一块{}布样。")


class ClassTexts(NamedTuple):
    #: [C, d] L2-normalised, in the order of the classes; None where there is no trained text tower to ask.
    rows: npt.NDArray[np.float32] | None = None
    #: Why not, where there should be one.
    unused: NamesUnused | None = None


def class_texts(classes: Sequence[ClassEntry], info: EncoderInfo, settings: Settings) -> ClassTexts:
    """What the text tower of the model makes of the names of classes."""
    if info.engine in HASH_ENGINES or not info.trained:
        return ClassTexts()
    try:
        from shared.encoder import encode_texts

        chinese = _reads_chinese(settings)
        prompts = [prompt for entry in classes for prompt in _prompts(entry, chinese)]
        rows = encode_texts(settings, prompts)
    except ModelError as error:  # images without torch build banks, too
        return ClassTexts(unused=NamesUnused(code=error.code, detail=error.detail))
    means = rows.reshape(len(classes), -1, rows.shape[1]).mean(axis=1)
    unit: npt.NDArray[np.float32] = (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)
    return ClassTexts(unit)


def same_names(one: ClassEntry, other: ClassEntry, settings: Settings) -> bool:
    """Whether the text tower is asked the same for both."""
    chinese = _reads_chinese(settings)
    return _prompts(one, chinese) == _prompts(other, chinese)


def _reads_chinese(settings: Settings) -> bool:
    return all(spec.reads_chinese(part) for part in spec.parse(settings.model))


def _prompts(entry: ClassEntry, chinese: bool) -> list[str]:
    """As many for each class."""
    prompts = [template.format(entry.en or entry.label) for template in TEMPLATES]
    if chinese:
        prompts += [template.format(entry.zh or entry.en or entry.label) for template in CHINESE_TEMPLATES]
    return prompts
