"""Each threat of docs/security.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/security.md").read_text("utf-8")


def rows() -> list[list[str]]:
    table = PAGE.split("## Threats")[1].split("\n## ")[0]
    found = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return found[1:]


def test_every_threat_has_a_test_and_every_test_exists() -> None:
    assert len(rows()) > 25
    for threat, _, tests in rows():
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
        assert named, threat
        for path, name in named:
            assert re.search(rf"^def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE), f"{path}::{name}"


def test_reports_have_an_address_and_the_readmes_lead_here() -> None:
    assert "## Reporting" in (ROOT / "SECURITY.md").read_text("utf-8")
    for name in ("README.md", "README.zh-CN.md"):
        assert "docs/security.md" in (ROOT / name).read_text("utf-8")
