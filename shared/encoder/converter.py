"""Starts a conversion and follows it: the caller's process never imports torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.encoder.spec import Part
    from shared.encoder.store import Manifest, ModelStore

_PROJECT = Path(__file__).resolve().parents[2]


def ensure(store: ModelStore, part: Part, say: Callable[[str], None]) -> Manifest:
    """The part's converted model; converts it in a child process where it is not in the store.

    Raises ModelError: see `convert.convert`, and `model_unavailable` where the child died (out of memory, most likely).
    """
    found = store.find(part)
    if found is not None and found.converted:
        return found
    say(f"{part.name}: preparing (once; half a minute or more)")
    request = {"root": str(store.root), "weights_dir": str(store.weights_dir), "part": part.to_dict()}
    _run("shared.encoder.convert", request, part, say)
    found = store.find(part)
    if found is None or not found.converted:
        raise ModelError(model=part.name, reason="the conversion left nothing in the model store")
    return found


def _run(module: str, request: dict[str, Any], part: Part, say: Callable[[str], None]) -> dict[str, Any]:
    """Runs a module that speaks JSON lines; returns its last message. stderr (download bars) is the caller's."""
    paths = [str(_PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    child = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child:
        child.stdin.write(json.dumps(request))
        child.stdin.close()
        last: dict[str, Any] = {}
        for line in child.stdout:
            last = json.loads(line)
            if "say" in last:
                say(last["say"])
    if "error" in last:
        raise ModelError(last["error"]["code"], **last["error"]["detail"])
    if child.returncode != 0 or not last:
        raise ModelError(model=part.name, reason=f"the conversion ended with status {child.returncode}; see the log")
    return last
