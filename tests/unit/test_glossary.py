"""The words of docs/glossary.md: page texts are translated with them, and retired words appear nowhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import click
import pytest
from babel.messages.pofile import read_po

from scripts.cli.main import COMMANDS, weft
from shared.core.i18n import TRANSLATIONS
from shared.core.messages import SENTENCES

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
CATALOG = TRANSLATIONS / "zh.po"
#: Measurement tables of the fault suite name its tests as they are called.
TEST_NAMES = re.compile(r"^\| \d\d .*$", re.MULTILINE)


def table(first: str) -> list[list[str]]:
    """The rows of the table whose first column is called `first`."""
    lines = iter(GLOSSARY.read_text("utf-8").splitlines())
    next(line for line in lines if line.startswith(f"| {first} |"))
    next(lines)
    rows = takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


TERMS = table("term")
RETIRED = [old for old, _ in table("old")]


def translations() -> dict[str, str]:
    """Every English text of the catalogue, plural forms included, and its Chinese one."""
    with CATALOG.open("rb") as source:
        messages = [message for message in read_po(source) if message.id]
    found: dict[str, str] = {}
    for message in messages:
        ids = [message.id] if isinstance(message.id, str) else message.id
        text = message.string if isinstance(message.string, str) else message.string[0]
        found.update(dict.fromkeys(ids, text))
    return found


def helps(command: click.Command, ctx: click.Context) -> Iterator[str]:
    """What `--help` says of a command and of those below it."""
    yield command.help or ""
    yield from (option.help or "" for option in command.params if isinstance(option, click.Option))
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None
            yield from helps(inner, ctx)


def printed(path: Path) -> Iterator[str]:
    """The string constants of a module without its docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def texts() -> Iterator[tuple[str, str]]:
    """Everything that people read, with the place where it stands."""
    for template in sorted((ROOT / "web" / "templates").rglob("*.html")):
        yield template.name, template.read_text("utf-8")
    for english, chinese in translations().items():
        yield "translations", f"{english} {chinese}"
    for code, english in SENTENCES.items():
        yield f"messages: {code}", english
    yield "weft --help", " ".join(text for _, text in COMMANDS.values())
    for text in helps(weft, click.Context(weft)):
        yield "help of a command", text
    for module in sorted((ROOT / "scripts" / "cli").rglob("*.py")):
        for text in printed(module):
            yield module.name, text
    for document in (*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")):
        if document != GLOSSARY:
            yield document.name, TEST_NAMES.sub("", document.read_text("utf-8"))


@pytest.fixture(scope="module")
def written() -> list[tuple[str, str]]:
    return [(place, " ".join(text.split())) for place, text in texts()]


@pytest.mark.parametrize("word", RETIRED)
def test_retired_words_are_not_used(written: list[tuple[str, str]], word: str) -> None:
    ends = r"\b" if word.isascii() else ""
    found = re.compile(f"{ends}{re.escape(word)}{ends}", re.IGNORECASE)
    assert [
        (place, text[max(0, m.start() - 40) : m.end() + 40]) for place, text in written for m in found.finditer(text)
    ] == []


@pytest.mark.parametrize(("term", "chinese", "text"), [(row[0], row[1], row[2]) for row in TERMS if row[2]])
def test_page_texts_are_translated_with_the_terms(term: str, chinese: str, text: str) -> None:
    assert chinese in translations()[text], term


def test_every_term_is_defined_once() -> None:
    assert len({row[0] for row in TERMS}) == len({row[1] for row in TERMS}) == len(TERMS)
    assert all(term and chinese and meaning for term, chinese, _, meaning in TERMS)
