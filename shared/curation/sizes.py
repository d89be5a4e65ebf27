"""Classes that are smaller than the presets want."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.ranking.model import PRESETS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def size_warnings(
    classes: list[dict[str, Any]], counts: npt.NDArray[np.int64], samples: list[dict[str, Any]], *, named: bool
) -> list[dict[str, Any]]:
    """Warns of classes without a usable photo, and of those with too few samples for some preset.

    `named`: the bank has text vectors, so that a preset ranks such a class by its name.
    """
    least = min(preset.min_samples for preset in PRESETS.values())
    most = max(preset.min_samples for preset in PRESETS.values())
    small = {entry["label"] for entry, count in zip(classes, counts, strict=True) if count < most}
    ids: dict[str, list[str]] = {label: [] for label in small}
    for sample in samples:
        if sample["label"] in small:
            ids[sample["label"]].append(sample["id"])
    found = []
    for entry, count in zip(classes, counts, strict=True):
        label = entry["label"]
        if label in small:
            code = "class_empty" if not count else "class_too_small" if count < least else "class_small"
            unranked = sorted(preset.name for preset in PRESETS.values() if preset.min_samples > count)
            found.append({"code": code, "class": label, "samples": ids[label], "presets": unranked, "named": named})
    return found


def unranked(warning: dict[str, Any]) -> str:
    """What a size warning means, in words; empty for any other warning."""
    if not warning.get("presets"):
        return ""
    how = "ranked by name only" if warning.get("named") else "not ranked"
    return f"{how} with {', '.join(warning['presets'])}"
