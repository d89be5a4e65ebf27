"""Every text of pages, API and command line has a Chinese one, with the same values in it, and one way to it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from shared.core.errors import NotFound
from shared.core.i18n import TRANSLATIONS, LazyText, gettext, language, ngettext
from shared.core.messages import SENTENCES, sentence
from shared.core.settings import Settings
from web.app import create_app

ROOT = Path(__file__).resolve().parents[2]
VALUES = re.compile(r"%\(\w+\)[sdr]|\{\w+\}")
METHODS = [("templates/**.html", "jinja2"), ("**.py", "python")]
KEYWORDS = {"_": None, "_l": None, "N_": None, "ngettext": (1, 2)}


def used() -> set[str]:
    """Every text that is asked for anywhere: in templates, in code, as the sentence of a code."""
    found = {
        message[0] if isinstance(message, tuple) else message
        for part in ("web", "shared", "scripts/cli")
        for _, _, message, *_ in extract_from_dir(ROOT / part, method_map=METHODS, keywords=KEYWORDS)
    }
    return found | set(SENTENCES.values())


def chinese() -> dict[str, str]:
    with (TRANSLATIONS / "zh.po").open("rb") as source:
        catalog = read_po(source)
    return {
        message.id[0] if isinstance(message.id, tuple) else message.id: (
            message.string[0] if isinstance(message.string, tuple) else message.string
        )
        for message in catalog
        if message.id
    }


def test_all_are_translated_and_none_is_left_over() -> None:
    assert set(chinese()) == used()
    assert all(chinese().values())


def test_values_are_the_same() -> None:
    for english, translated in chinese().items():
        assert sorted(VALUES.findall(english)) == sorted(VALUES.findall(translated)), english


@pytest.mark.parametrize(("lang", "text"), [("en", "Not found: job 7"), ("zh", "找不到：任务 7")])
def test_errors_speak_the_language_of_the_process(monkeypatch: pytest.MonkeyPatch, lang: str, text: str) -> None:
    monkeypatch.setenv("WEFT_LANG", lang)
    assert str(NotFound(what="job 7")) == sentence("not_found", what="job 7") == text


def test_the_request_comes_before_the_process(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setenv("WEFT_LANG", "en")
    paused = LazyText("Paused")
    with create_app(settings).test_request_context(headers={"Accept-Language": "zh-CN"}):
        assert (language(), str(paused), gettext("Paused", "en")) == ("zh", "已暂停", "Paused")
        assert ngettext("%(num)d minute", "%(num)d minutes", 2) == "2 分钟"
    assert (language(), str(paused)) == ("en", "Paused")
    assert ngettext("%(num)d minute", "%(num)d minutes", 1) == "1 minute"


def test_the_locale_decides_where_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEFT_LANG")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert language() == "zh"
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert language() == "en"


def test_an_unknown_code_is_shown() -> None:
    assert sentence("never_heard_of", "zh") == "系统内部出错。 (never_heard_of)"
    assert sentence("not_found", "en") == "Not found: ?"


def test_english_loads_no_babel() -> None:
    code = (
        "import sys; from shared.core.messages import sentence; sentence('internal', 'en'); "
        "print('babel' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
