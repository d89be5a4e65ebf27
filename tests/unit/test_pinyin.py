"""Chinese names as they are typed."""

from __future__ import annotations

import pytest

from web.pinyin import typed


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("牛仔布", ("niuzaibu", "nzb")),
        ("灯芯绒", ("dengxinrong", "dxr")),
        ("denim", ()),
        ("粗花呢", ("cuhuane", "chn")),
    ],
)
def test_pinyin_and_its_initials(name: str, keys: tuple[str, ...]) -> None:
    assert typed(name) == keys
