"""`_` of templates: any name may be a value's, and values are escaped."""

from __future__ import annotations

from web.i18n import page_text


def test_values_of_any_name_are_escaped() -> None:
    assert page_text("No job matches “%(text)s”", text="<b>") == "No job matches “&lt;b&gt;”"
    assert page_text("%(label)s?", label="twill") == "twill?"


def test_a_text_alone_is_as_with_values() -> None:
    assert page_text("100 %% cotton") == "100 % cotton"
