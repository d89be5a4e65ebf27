"""Every Lua script has its typed function, and says what it takes and returns."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from shared.jobs.ledger.scripts import LUA, Scripts

FILES = [path for path in sorted(LUA.glob("*.lua")) if path.stem != "common"]


def test_each_script_has_one_typed_function() -> None:
    methods = {name for name, _ in inspect.getmembers(Scripts, inspect.isfunction) if not name.startswith("_")}
    assert methods == {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_header_documents_keys_arguments_and_reply(path: Path) -> None:
    header = [line for line in path.read_text().splitlines() if line.startswith("--")]
    for part in ("-- KEYS: ", "-- ARGV: ", "-- Returns "):
        assert any(line.startswith(part) for line in header), part
