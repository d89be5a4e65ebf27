"""Starts a conversion and follows it: the caller's process never imports torch."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from shared.core.documents import Document
from shared.core.errors import ModelError
from shared.core.process import child_environment
from shared.encoder import shared_models
from shared.encoder.spec import Part

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.encoder.store import Manifest, ModelStore


class ConversionRequest(Document):
    """What `shared.encoder.convert` is asked."""

    #: Of the model store.
    root: str
    weights_dir: str
    part: Part


class ConversionError(Document):
    """The code and the values of an error's sentence."""

    code: str
    detail: Any


class ConversionMessage(Document):
    """A line of its answer: what it does, and at the end the identity of what it made, or an error."""

    say: str | None = None
    done: str | None = None
    error: ConversionError | None = None


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
    _run("shared.encoder.convert", request, part, say)
    found = store.find(part)
    if found is None or not found.converted:
        raise ModelError(model=part.name, reason="the conversion left nothing in the model store")
    shared_models.share(store, part, found, say)
    return found


def _run(module: str, request: ConversionRequest, part: Part, say: Callable[[str], None]) -> None:
    """Runs a module that speaks JSON lines to its end. stderr (download bars) is the caller's."""
    child = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=child_environment(),
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child:
        child.stdin.write(json.dumps(request.to_json()))
        child.stdin.close()
        last: ConversionMessage | None = None
        for line in child.stdout:
            last = ConversionMessage.from_json(json.loads(line))
            if last.say is not None:
                say(last.say)
    if last and last.error:
        raise ModelError(last.error.code, **last.error.detail)
    if child.returncode != 0 or not last:
        raise ModelError(model=part.name, reason=f"the conversion ended with status {child.returncode}; see the log")
