"""The README's pictures are there in both languages, and small."""

from __future__ import annotations

import re

import pytest

from scripts.lab.pictures import MOST_BYTES
from tests.product import ROOT

_PICTURE = re.compile(r"\(docs/images/([\w.-]+)\)")
ALL_BYTES = 1_000_000


@pytest.mark.parametrize(("readme", "lang"), [("README.md", "en"), ("README.zh-CN.md", "zh")])
def test_each_readme_shows_its_own(readme: str, lang: str) -> None:
    shown = set(_PICTURE.findall((ROOT / readme).read_text("utf-8")))
    assert {f"{what}-{lang}.webp" for what in ("upload", "job", "review", "bank")} <= shown
    for name in shown:
        assert (ROOT / "docs/images" / name).stat().st_size < MOST_BYTES, name


def test_all_of_them_are_small() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "docs/images").iterdir()) < ALL_BYTES
