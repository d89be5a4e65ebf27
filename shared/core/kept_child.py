"""A child process that is kept for one request after another, and started again when it has ended.

For work that this process must not do itself: untrusted bytes, or numeric libraries that it does not load.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from shared.core.errors import Unavailable
from shared.core.process import child_environment, start_attended

#: Seconds that a request waits for those before it.
_PATIENCE = 120.0


class KeptChild:
    """`python -m MODULE`, which answers requests on its standard input. For use from several threads, one at a time.

    A request and its answer are a line of JSON each, followed by as many bytes as their field `bytes` says.
    """

    def __init__(self, module: str, **environment: str) -> None:
        self._module = module
        self._environment = environment
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def ask(self, request: dict[str, Any], data: bytes = b"") -> tuple[dict[str, Any], bytes]:
        """The answer, and the bytes behind it. Raises Unavailable."""
        if not self._lock.acquire(timeout=_PATIENCE):
            raise Unavailable
        try:
            for _ in (1, 2):
                # It ends by itself when nothing was asked for a while: perhaps just now.
                with suppress(OSError, ValueError):
                    return self._ask({**request, "bytes": len(data)}, data)
                self._end()
            raise Unavailable
        finally:
            self._lock.release()

    def close(self) -> None:
        with self._lock:
            self._end()

    def __del__(self) -> None:
        # Nobody can ask it any more; its pipes must not outlive it unclosed.
        with suppress(Exception):
            self._end()

    def _ask(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        if self._child is not None and self._child.poll() is not None:
            self._end()
        if self._child is None:
            self._child = start_attended(
                [sys.executable, "-P", "-m", self._module],
                env=child_environment(**self._environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        requests, answers = self._child.stdin, self._child.stdout
        assert requests is not None
        assert answers is not None
        requests.write(json.dumps(request).encode() + b"\n" + data)
        requests.flush()
        answer = json.loads(answers.readline())
        size = answer.get("bytes", 0)
        body = answers.read(size)
        if len(body) != size:
            raise OSError("the child ended")
        return answer, body

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                # What was still to be written has no reader any more.
                with suppress(OSError):
                    assert pipe is not None
                    pipe.close()
            self._child = None
