"""One JSON document per line, as something happens: for programs that follow a command."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import click

from scripts.cli import output

#: Seconds between two lines of progress.
INTERVAL = 1.0


@dataclass
class Lines:
    on: bool = False
    _last: tuple[Any, ...] = ()
    _at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def chosen(cls, ctx: click.Context, on: bool) -> Lines:
        """As --lines says. Raises UsageError with --json."""
        if on and output.state(ctx).json:
            raise click.UsageError("--json prints one document, --lines prints many: choose one")
        return cls(on)

    def tell(self, event: str, **said: Any) -> None:
        """The events of `weft watch --lines`, and before them `plan`, `sending` and `submitted`."""
        if self.on:
            with self._lock:
                click.echo(json.dumps({"event": event, "at": round(time.time(), 3), **said}, ensure_ascii=False))

    def moved(self, event: str, mark: tuple[Any, ...], **said: Any) -> None:
        """Only where the mark is another one, and once a second at most."""
        if self.on and mark != self._last and time.monotonic() - self._at >= INTERVAL:
            self._last, self._at = mark, time.monotonic()
            self.tell(event, **said)
