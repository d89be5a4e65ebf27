"""What a name of a class means, however it is typed."""

from __future__ import annotations

import pytest

from shared.bank.class_names import ClassNames, Spellings
from shared.bank.manifest import ClassEntry

CLASSES = [
    ClassEntry(label="corduroy", zh="灯芯绒", en="corduroy", aliases=["cord", "rib"]),
    ClassEntry(label="rib_knit", zh="罗纹布", en="rib knit", aliases=["rib"]),
    ClassEntry(label="Cord", zh="Cord", en="Cord", aliases=[]),
    ClassEntry(label="moiré", zh="", en="moiré", aliases=[]),
]


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("CORDUROY", "corduroy"),
        ("灯芯绒", "corduroy"),
        (" Rib   Knit ", "rib_knit"),
        ("rib_knit", "rib_knit"),
        ("ｃｏｒｄｕｒｏｙ", "corduroy"),
        ("罗纹布\u3000", "rib_knit"),
        ("moire\u0301", "moiré"),
        # A label comes before another class's alias.
        ("cord", "Cord"),
        # A name of two classes means neither.
        ("rib", None),
        ("tweed", None),
    ],
)
def test_names_in_both_languages_any_case_width_and_spacing(typed: str, label: str | None) -> None:
    assert ClassNames(CLASSES).resolve(typed) == label


def test_near_matches_come_best_first() -> None:
    names = ClassNames(CLASSES)
    assert names.near("corduroi")[0].label == "corduroy"
    assert names.near("灯芯")[0].label == "corduroy"
    assert names.near("zzzz") == []


def test_what_is_offered_for_typing_leads_back_to_the_class() -> None:
    twice = [ClassEntry(label="a", zh="布", en="a"), ClassEntry(label="b", zh="布", en="b")]
    assert ClassNames(CLASSES).typed("corduroy", "zh") == "灯芯绒"
    assert ClassNames(twice).typed("a", "zh") == "a"


def test_spellings_of_a_new_class_are_one() -> None:
    spellings = Spellings(ClassNames(CLASSES))
    assert [spellings.settle(name) for name in ("Tweed", "ＴＷＥＥＤ", "灯芯绒", " tweed ")] == [
        *("Tweed", "Tweed", "corduroy", "Tweed")
    ]
