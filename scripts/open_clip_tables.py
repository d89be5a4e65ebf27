"""Writes `shared/encoder/open_clip_tags.json` from the installed open_clip: `python -m scripts.open_clip_tables`.

To be run after an upgrade of open_clip; a test compares the file with the installed package.
"""

from __future__ import annotations

import json
from typing import Any

from shared.encoder.tables import FILE


def tables() -> dict[str, Any]:
    """Every bundled architecture with its tags, and what each tag says of preprocessing and activation."""
    import open_clip

    kinds: list[dict[str, Any]] = []
    architectures: dict[str, dict[str, int]] = {}
    quick_gelu = []
    for architecture in open_clip.list_models():
        config = open_clip.get_model_config(architecture)
        if architecture in _OURS or config is None:
            continue
        if config.get("quick_gelu"):
            quick_gelu.append(architecture)
        tags: dict[str, int] = {}
        for tag in open_clip.list_pretrained_tags_by_model(architecture):
            given = open_clip.get_pretrained_cfg(architecture, tag)
            kind = {key: given[key] for key in _KEPT if given.get(key) is not None}
            kind = json.loads(json.dumps(kind))
            if kind not in kinds:
                kinds.append(kind)
            tags[tag] = kinds.index(kind)
        architectures[architecture] = tags
    return {
        "open_clip": open_clip.__version__,
        "kinds": kinds,
        "quick_gelu": quick_gelu,
        "architectures": architectures,
    }


_KEPT = ("mean", "std", "interpolation", "resize_mode", "quick_gelu")
#: Registered with open_clip by `shared.encoder.architectures` where a process has called that before.
_OURS = ("weft-fabric",)


def main() -> None:
    FILE.write_text(json.dumps(tables(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
