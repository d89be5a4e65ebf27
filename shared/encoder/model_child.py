"""A process of its own for work that loads a model in torch, whose memory ends with it: both ends of the talk.

The request (JSON) comes on its stdin; JSON lines go to its stdout: {"say": …} while it works, then {"done": …} or
{"error": {"code": …, "detail": …}}.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from shared.core.documents import Document
from shared.core.errors import ModelError, WeftError
from shared.core.process import child_environment
from shared.encoder.spec import Part

if TYPE_CHECKING:
    from collections.abc import Callable


class ModelRequest(Document):
    """What any such process is asked."""

    part: Part
    weights_dir: str


class ChildError(Document):
    """The code and the values of an error's sentence."""

    code: str
    detail: Any


class ChildMessage(Document):
    """A line of its answer: what it does, and at the end what it made, or an error."""

    say: str | None = None
    done: Any = None
    error: ChildError | None = None


def ask(module: str, request: ModelRequest, what: str, say: Callable[[str], None] = lambda _: None) -> Any:
    """What `python -m MODULE` made of the request. stderr (download bars) is the caller's. `what`: as errors call it.

    Raises ModelError, also where the process died (out of memory, most likely).
    """
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
        last: ChildMessage | None = None
        for line in child.stdout:
            last = ChildMessage.from_json(json.loads(line))
            if last.say is not None:
                say(last.say)
    if last and last.error:
        raise ModelError(last.error.code, **last.error.detail)
    if child.returncode != 0 or not last:
        raise ModelError(model=request.part.name, reason=f"{what} ended with status {child.returncode}; see the log")
    return last.done


def serve(read: Callable[[Any], tuple[Part, Callable[[Callable[[str], None]], Any]]]) -> int:
    """Serves one request; libraries that print do so on stderr. `read`: of the request, the model that it is about and
    the work, which is given what takes progress lines. Returns the exit status."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(message: ChildMessage) -> None:
        print(json.dumps(message.to_json()), file=lines, flush=True)

    part, work = read(json.load(sys.stdin))
    try:
        tell(ChildMessage(done=work(lambda text: tell(ChildMessage(say=text)))))
    except WeftError as error:
        detail = {"model": part.name} | {key: value for key, value in error.detail.items() if value}
        tell(ChildMessage(error=ChildError(code=error.code, detail=detail)))
        return 1
    except Exception as error:
        import traceback

        traceback.print_exc()
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        detail = {"model": part.name, "reason": reason}
        tell(ChildMessage(error=ChildError(code="model_unavailable", detail=detail)))
        return 1
    return 0
