"""Every sentence of the pages has a Chinese one, with the same values in it."""

from __future__ import annotations

import re
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

WEB = Path(__file__).resolve().parents[2] / "web"
VALUES = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
METHODS = [("templates/**.html", "jinja2"), ("**.py", "python")]
KEYWORDS = {"_": None, "_l": None, "gettext": None, "ngettext": (1, 2)}


def sentences() -> set[str]:
    found = extract_from_dir(WEB, method_map=METHODS, keywords=KEYWORDS)
    return {message[0] if isinstance(message, tuple) else message for _, _, message, *_ in found}


def chinese() -> dict[str, str]:
    with (WEB / "translations/zh/LC_MESSAGES/messages.po").open("rb") as source:
        catalog = read_po(source)
    return {
        message.id[0] if isinstance(message.id, tuple) else message.id: (
            message.string[0] if isinstance(message.string, tuple) else message.string
        )
        for message in catalog
        if message.id
    }


def test_all_are_translated_and_none_is_left_over() -> None:
    assert set(chinese()) == sentences()
    assert all(chinese().values())


def test_values_are_the_same() -> None:
    for english, translated in chinese().items():
        assert sorted(VALUES.findall(english)) == sorted(VALUES.findall(translated)), english
