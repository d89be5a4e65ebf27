"""Weights of a pretrained tag, fetched by open_clip (Hugging Face hub or a plain URL); progress bar on stderr."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from shared.core.errors import ModelError

if TYPE_CHECKING:
    from shared.encoder.open_clip_config import PretrainedConfig
    from shared.encoder.spec import Part

#: Seconds until a silent hub counts as no network; the hub's own defaults, where they are set, hold.
_TIMEOUTS = {"HF_HUB_ETAG_TIMEOUT": "10", "HF_HUB_DOWNLOAD_TIMEOUT": "30"}
#: Answers that a server gave: then there is a network, and the weights are what is missing.
_REFUSALS = ("404", "401", "403", "RepositoryNotFound", "EntryNotFound", "Gated")


def download(part: Part, pretrained: PretrainedConfig, weights_dir: Path) -> Path:
    """The tag's file below `weights_dir`.

    Raises ModelError `model_no_network`, or `model_unavailable` where a server refused.
    """
    for name, seconds in _TIMEOUTS.items():
        os.environ.setdefault(name, seconds)
    import open_clip

    weights_dir.mkdir(parents=True, exist_ok=True)
    try:
        _ask_hub(pretrained.raw.get("hf_hub", ""), weights_dir)
        return Path(open_clip.download_pretrained(pretrained.raw, cache_dir=str(weights_dir)))
    except Exception as error:  # hub, httpx, urllib: each has errors of its own
        text = f"{type(error).__name__}: {error}"
        if any(refusal in text for refusal in _REFUSALS) and "LocalEntryNotFound" not in text:
            raise ModelError(model=part.name, reason=text[:300]) from error
        raise ModelError("model_no_network", model=part.name, model_dir=str(weights_dir)) from error


def _ask_hub(name: str, weights_dir: Path) -> None:
    """One request without retries, so that a machine without a network hears so at once and not after a minute.

    `name` is `org/model/file` as in open_clip's tables. Raises the hub's errors; that one file is not there is none, as
    open_clip tries several names.
    """
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    repository, _, file = name.rpartition("/")
    if not repository or (weights_dir / f"models--{repository.replace('/', '--')}" / "snapshots").is_dir():
        return
    try:
        huggingface_hub.get_hf_file_metadata(
            huggingface_hub.hf_hub_url(repository, file or "open_clip_model.safetensors"), timeout=10
        )
    except EntryNotFoundError:
        return
