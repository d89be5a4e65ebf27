"""The one cleaning of names: readable, storable everywhere, stable, and its true bytes untouched."""

from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core import json_lines
from shared.core.errors import InvalidRequest
from shared.core.names import (
    MAX_LABEL,
    MAX_NAME,
    clean,
    display_name,
    fold,
    is_usable_label,
    label,
    path_name,
    readable,
    title,
)
from shared.jobs.export.columns import harmless
from shared.jobs.intake.submission import default_name

#: Any text that Python may meet: also lone surrogates, as it makes them of bytes that are no UTF-8.
ANY = st.one_of(st.text(st.characters()), st.binary(max_size=80).map(os.fsdecode))


@given(ANY)
def test_every_name_can_be_stored_and_shown(raw: str) -> None:
    for name in (readable(raw), clean(raw), display_name(raw), path_name(raw), title(raw), fold(raw)):
        name.encode("utf-8")
    for name in (clean(raw), display_name(raw), path_name(raw), title(raw)):
        assert len(name.splitlines()) <= 1
        assert not {unicodedata.category(c) for c in name if c != "\u200d"} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert len(display_name(raw)) <= MAX_NAME
    for part in display_name(raw).split("/"):
        assert part not in ("", ".", "..")


@given(ANY)
def test_cleaning_twice_changes_nothing(raw: str) -> None:
    assert clean(clean(raw)) == clean(raw)
    assert fold(fold(raw)) == fold(raw)
    if is_usable_label(raw):
        assert label(label(raw)) == label(raw)


@given(ANY)
def test_a_label_is_usable_or_refused(raw: str) -> None:
    try:
        found = label(raw)
    except InvalidRequest as refusal:
        str(refusal).encode("utf-8")
        return
    assert 0 < len(found) <= MAX_LABEL
    assert not set("/\\\n\0") & set(found)
    assert found not in (".", "..")


@given(st.lists(st.dictionaries(ANY.map(readable), ANY.map(readable), max_size=3), max_size=5))
def test_json_lines_come_back(rows: list[dict[str, str]]) -> None:
    text = json_lines.dump(rows)
    assert json_lines.load(text) == rows
    # Also for readers that split at every line end Unicode knows.
    assert len(text.splitlines()) == len(rows)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (os.fsdecode(b"\xc3\xde\xb2\xbc.jpg"), "棉布.jpg"),
        (os.fsdecode("面料/".encode() + b"\xc3\xde\xb2\xbc.jpg"), "面料/棉布.jpg"),
        ("a\u2028b\u0085c.jpg", "abc.jpg"),
        ("\u202egpj.exe", "gpj.exe"),
        ("👩\u200d👩\u200d👧.jpg", "👩\u200d👩\u200d👧.jpg"),
        ("\ufeffa\u200bb.jpg", "ab.jpg"),
        ("plain name.jpg", "plain name.jpg"),
    ],
)
def test_what_is_kept_and_dropped(raw: str, shown: str) -> None:
    assert display_name(raw) == path_name(raw) == shown


@pytest.mark.parametrize(
    "raw", ["con", "CON", "nul.txt", "com1", "LPT9.x", "..", ".", "", " ", "a/b", "a\\b", "x" * 151]
)
def test_labels_that_are_refused(raw: str) -> None:
    assert not is_usable_label(raw)


@pytest.mark.parametrize("raw", ["denim", "牛仔布", "Conifer", "com10", "a.b", "x" * 150, "50% wool + silk"])
def test_labels_that_are_taken(raw: str) -> None:
    assert label(raw) == raw


def test_joiners_make_no_second_class() -> None:
    assert fold("cot\u200dton") == fold("Cotton")


@pytest.mark.parametrize("value", ["=1", "\n=1", "＝1", "＋1", "－1", "＠x", "\t=1"])
def test_formulas_are_defused(value: str) -> None:
    assert harmless(value) == "'" + value


def test_a_job_has_a_name_whatever_its_files_are_called() -> None:
    assert default_name(["\x01\x02"], 1) == "photo"
    # Hangul fillers: letters that nobody sees.
    assert default_name(["\u3164\u3164/a.jpg", "\u3164\u3164/b.jpg"], 2) == "photos"
    assert default_name(["\u3164"], 1) == "photos"
    assert default_name(["a.jpg", "b.jpg"], 2) == "a.jpg +1"
    for unseen in ("\u200d", "\u2800\u3164", "\u00a0\u2003", "\u0301"):
        assert title(unseen) == ""
    assert title("面料 👩\u200d🔬") == "面料 👩\u200d🔬"
