"""What a command prints: one JSON document with --json, words for people otherwise; and the exit codes 0 to 3."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from shared.access.audit import Audit, local_user
from shared.core.errors import WeftError
from shared.core.files import replacing
from shared.core.settings import Settings

#: Exit codes: everything went well; work failed; the command line itself is wrong; of a job that was followed, some
#: photos failed.
OK, FAILED, USAGE, PARTLY = 0, 1, 2, 3
#: Seconds between two lines of progress where stderr is no terminal.
LINE_SECONDS = 5.0


@dataclass
class State:
    """What the common options said; every command finds it as `ctx.obj`."""

    data_dir: Path | None = None
    json: bool = False
    #: Id or name of the bank that --bank chose; None: the default one.
    bank: str | None = None
    #: Address of a server elsewhere, as --url named it.
    url: str | None = None
    #: --data-dir was given: this machine is meant.
    here: bool = False
    _settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """The effective settings, with --data-dir applied; read once."""
        if self._settings is None:
            self._settings = Settings() if self.data_dir is None else Settings(data_dir=self.data_dir)
        return self._settings

    @property
    def client_only(self) -> bool:
        """Only the client is installed: nothing on this machine has a queue or a bank."""
        return find_spec("redis") is None

    @property
    def elsewhere(self) -> bool:
        """Whether commands are about a server elsewhere."""
        return bool(self.url or (os.environ.get("WEFT_URL") and not self.here) or self.client_only)


def state(ctx: click.Context) -> State:
    """The common options of the command that runs."""
    return ctx.ensure_object(State)


def emit(ctx: click.Context, document: Any, human: Callable[[Console], None] | str | None = None) -> None:
    """Print the one answer: `document` as JSON with --json, else `human` (text, or a function that prints)."""
    if state(ctx).json:
        click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=_plain))
    elif callable(human):
        human(stdout())
    elif human is not None:
        click.echo(human)


def fail(ctx: click.Context, document: Any = None, human: Callable[[Console], None] | str | None = None) -> NoReturn:
    """Print the answer and end with exit code 1: the command did what it could, and some of the work failed."""
    if document is not None or human is not None:
        emit(ctx, document, human)
    ctx.exit(FAILED)


def error(problem: WeftError, as_json: bool) -> None:
    """Say what went wrong: a sentence on stderr, and with --json the stable code on stdout."""
    if as_json:
        click.echo(json.dumps({"error": {"code": problem.code, "message": str(problem)}}, ensure_ascii=False, indent=2))
    click.echo(str(problem), err=True)


def note(text: str) -> None:
    """A remark beside the answer, on stderr."""
    click.echo(text, err=True)


def stdout() -> Console:
    """The console for answers; a pipe gets wide lines, so that nothing is cut."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200, soft_wrap=not sys.stdout.isatty())


@contextmanager
def progress(title: str, total: float | None = None) -> Iterator[Callable[..., None]]:
    """Progress on stderr: a bar on a terminal, else lines; yields `update(done, total=None, title=None)`."""
    if not sys.stderr.isatty():
        yield _lines(title, total)
        return
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=total)

        def update(done: float, total: float | None = None, title: str | None = None) -> None:
            bar.update(task, completed=done, total=total, description=title)

        yield update


def _lines(title: str, total: float | None) -> Callable[..., None]:
    """Progress for logs and pipes; what is done within `LINE_SECONDS` prints nothing."""
    last = time.monotonic()
    shown, whole = title, total

    def update(done: float, total: float | None = None, title: str | None = None) -> None:
        nonlocal last, shown, whole
        shown, whole = title or shown, total or whole
        if time.monotonic() - last >= LINE_SECONDS:
            last = time.monotonic()
            note(f"{shown} {done:,.0f}" + (f" / {whole:,.0f}" if whole else ""))

    return update


def record(ctx: click.Context, act: str, what: str = "") -> None:
    """Add what this command did to the audit log."""
    Audit(state(ctx).settings).record(local_user(), act, what)


def table(columns: Iterable[str], rows: Iterable[Iterable[object]], numbers: frozenset[str] = frozenset()) -> Table:
    """A plain table; the columns named in `numbers` are aligned to the right."""
    names = list(columns)
    drawn = Table(box=None, pad_edge=False, header_style="bold", show_header=any(names))
    for column in names:
        drawn.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*("" if cell is None else str(cell) for cell in row))
    return drawn


def when(seconds: float | None) -> str:
    """A time of day for people, in this machine's zone."""
    try:
        return "" if seconds is None else datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        # Beyond the calendar; the rest of a list is shown all the same.
        return "?"


def clock(seconds: float) -> str:
    """A time of the next hours in this machine's zone: 06:40; with its date where it is not near."""
    return when(seconds)[-5:] if abs(seconds - time.time()) < 18 * 3600 else when(seconds)


def span(seconds: float | None) -> str:
    """A length of time for people: 45 s, 3 min, 2 h 05 min."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _plain(value: Any) -> Any:
    if isinstance(value, (Path, datetime)):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


def require_target(ctx: click.Context, target: Path | None) -> None:
    """Raises UsageError where a file's bytes and the JSON document would both go to stdout."""
    if target is None and state(ctx).json:
        raise click.UsageError("--json requires -o FILE, because the results would go to stdout")


def deliver(pieces: Iterable[bytes], target: Path | None) -> int | None:
    """Writes a file, whole or not at all: its bytes. None: to stdout, where it was written."""
    if target is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return None
    # Nobody finds half a file under the name they asked for.
    with replacing(target, mode=0o644) as part, part.open("wb") as file:
        return sum(map(file.write, pieces))
