"""Writes the pages of `docs/` that are tables out of the code: settings, error codes, commands. `make docs`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from pathlib import Path

from scripts.cli.main import COMMANDS
from shared.core.messages import SENTENCES
from shared.core.settings import Settings

DOCS = Path(__file__).resolve().parents[1] / "docs"
_MADE = "<!-- Made by `make docs` from {source}; edit that. -->\n"


def settings_page() -> str:
    """Every setting with its default and the comment that stands above it."""
    lines = inspect.getsource(Settings).splitlines()
    comments: dict[str, str] = {}
    pending: list[str] = []
    for line in map(str.strip, lines):
        if line.startswith("#:"):
            pending.append(line.removeprefix("#:").strip())
        elif match := re.match(r"(\w+): .*=", line):
            comments[match[1]] = " ".join(pending)
            pending = []
        else:
            pending = []
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "") else f"`{field.default}`"
        rows.append((f"`WEFT_{name.upper()}`", default, comments[name]))
    note = "Environment variables; `WEFT_X_FILE` names a file that holds `WEFT_X`. `weft doctor` prints them.\n"
    return _page("Settings", "shared/core/settings.py", note, ("name", "default", "meaning"), rows)


def errors_page() -> str:
    """Every stable code with its English sentence."""
    rows = [(f"`{code}`", english) for code, (english, _) in SENTENCES.items()]
    note = (
        "Codes are stable; sentences may be improved. API errors (`application/problem+json`), failed photos and a"
        " job's note use them.\n"
    )
    return _page("Error codes", "shared/core/messages.py", note, ("code", "sentence"), rows)


def commands_page() -> str:
    """Every command with its short help."""
    rows = [(f"`weft {name}`", text) for name, (_, text) in COMMANDS.items()]
    note = "`weft COMMAND --help` shows options. All take `--data-dir` and `--json`. Exit: 0 ok, 1 failed, 2 usage.\n"
    return _page("Commands", "scripts/cli/main.py", note, ("command", "what it does"), rows)


PAGES = {"settings.md": settings_page, "errors.md": errors_page, "cli.md": commands_page}


def _page(title: str, source: str, note: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    table = [heads, ("---",) * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    body = "\n".join(f"| {' | '.join(row)} |" for row in table)
    return f"# {title}\n\n{_MADE.format(source=source)}\n{note}\n{body}\n"


if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
