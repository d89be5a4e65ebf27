"""Commands and settings that the documents name exist."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from scripts.cli.main import weft
from scripts.reference import COMPOSE, COMPOSE_DEFAULTS
from shared.core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
#: Variables that are no settings: of docker compose, and an example of a name.
OTHERS = {name for name, *_ in (*COMPOSE, *COMPOSE_DEFAULTS)} | {"WEFT_X"}
#: `weft COMMAND [SUBCOMMAND]` at the beginning of code, on a line or between backticks.
CALL = re.compile(r"(?:`|^\s*(?:\$ )?(?:\.venv/bin/)?)weft ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", re.MULTILINE)


@pytest.fixture(autouse=True)
def _same_umask() -> Iterator[None]:
    """Loading a command restricts what its process writes."""
    before = os.umask(0o077)
    os.umask(before)
    yield
    os.umask(before)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands(document: Path) -> None:
    unknown = []
    for name, below in CALL.findall(document.read_text("utf-8")):
        command = weft.get_command(click.Context(weft), name)
        if command is None or (isinstance(command, click.Group) and below and below not in command.commands):
            unknown.append(f"weft {name} {below}".strip())
    assert unknown == []


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if d.name != "CHANGELOG.md"], ids=lambda path: path.name)
def test_settings(document: Path) -> None:
    known = {f"WEFT_{name.upper()}" for name in Settings.model_fields} | OTHERS
    named = set(re.findall(r"\bWEFT_[A-Z_]*[A-Z]\b", document.read_text("utf-8")))
    assert {name for name in named if name not in known and name.removesuffix("_FILE") not in known} == set()
