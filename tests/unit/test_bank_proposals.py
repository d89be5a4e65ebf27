"""What a corrected label means to a bank."""

from __future__ import annotations

from shared.bank.proposals import meanings
from shared.names import fold

CLASSES = [
    {"label": "corduroy", "zh": "灯芯绒", "en": "corduroy", "aliases": ["cord", "rib"]},
    {"label": "rib_knit", "zh": "罗纹布", "en": "rib knit", "aliases": ["rib"]},
    {"label": "Cord", "zh": "Cord", "en": "Cord", "aliases": []},
]


def test_names_in_both_languages_and_any_case_mean_their_class() -> None:
    of = meanings(CLASSES)
    assert [of.get(fold(name)) for name in ("CORDUROY", "灯芯绒", "Rib Knit", "rib_knit")] == [
        *("corduroy", "corduroy", "rib_knit", "rib_knit")
    ]


def test_a_label_comes_before_another_class_s_alias() -> None:
    assert meanings(CLASSES)[fold("cord")] == "Cord"


def test_a_name_of_two_classes_means_neither() -> None:
    assert fold("rib") not in meanings(CLASSES)


def test_unicode_forms_are_one() -> None:
    of = meanings([{"label": "moiré", "zh": "", "en": "moiré", "aliases": []}])
    assert of[fold("moire\u0301")] == "moiré"
