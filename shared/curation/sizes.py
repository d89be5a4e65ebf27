"""Classes that are smaller than the presets want."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.bank.manifest import ClassEntry, Finding
from shared.bank.samples import Sample
from shared.ranking.model import PRESETS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: A class of fewer samples is warned of: some preset does not rank it by them.
ENOUGH = max(preset.min_samples for preset in PRESETS.values())


def size_warnings(
    classes: Sequence[ClassEntry], counts: npt.NDArray[np.int64], samples: Sequence[Sample], *, named: bool
) -> list[Finding]:
    """Warns of classes without a usable photo, and of those with too few samples for some preset.

    `samples`: at least those of the classes that have fewer than `ENOUGH`.
    `named`: the bank has text vectors, so that a preset ranks such a class by its name.
    """
    least = min(preset.min_samples for preset in PRESETS.values())
    small = {entry.label for entry, count in zip(classes, counts, strict=True) if count < ENOUGH}
    ids: dict[str, list[str]] = {label: [] for label in small}
    for sample in samples:
        if sample.label in small:
            ids[sample.label].append(sample.id)
    found = []
    for entry, count in zip(classes, counts, strict=True):
        label = entry.label
        if label in small:
            code = "class_empty" if not count else "class_too_small" if count < least else "class_small"
            unranked = sorted(preset.name for preset in PRESETS.values() if preset.min_samples > count)
            found.append(Finding(code=code, label=label, samples=ids[label], presets=unranked, named=named))
    return found


def unranked(warning: Finding) -> str:
    """What a size warning means, in words; empty for any other warning."""
    if not warning.presets:
        return ""
    how = "ranked by name only" if warning.named else "not ranked"
    return f"{how} with {', '.join(warning.presets)}"
