"""Starts a conversion and follows it: the caller's process never imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.errors import ModelError
from shared.encoder import shared_models
from shared.encoder.model_child import ModelRequest, ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.encoder.spec import Part
    from shared.encoder.store import Manifest, ModelStore


class ConversionRequest(ModelRequest):
    """What `shared.encoder.convert` is asked."""

    #: Of the model store.
    root: str


def ensure(store: ModelStore, part: Part, say: Callable[[str], None]) -> Manifest:
    """The part's converted model: from this machine's store, else from the object store that machines share, else
    converted in a child process and offered to the others.

    Raises ModelError: see `convert.convert`, and `model_unavailable` where the child died (out of memory, most likely).
    """
    found = store.find(part)
    if found is not None and found.converted:
        return found
    if shared_models.fetch(store, part, say) and (found := store.find(part)) is not None:
        return found
    say(f"{part.name}: preparing (once; half a minute or more)")
    request = ConversionRequest(root=str(store.root), weights_dir=str(store.weights_dir), part=part)
    ask("shared.encoder.convert", request, "the conversion", say)
    found = store.find(part)
    if found is None or not found.converted:
        raise ModelError(model=part.name, reason="the conversion left nothing in the model store")
    shared_models.share(store, part, found, say)
    return found
