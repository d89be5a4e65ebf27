"""No package comes in under a licence that nobody has looked at."""

from __future__ import annotations

import pytest

from scripts import licences


def test_the_page_is_up_to_date() -> None:
    assert licences.PAGE.read_text("utf-8") == licences.page(), "run `make licences`"


def test_a_licence_that_nobody_has_seen_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "SEEN", licences.SEEN - {"GPL-3.0-or-later"})
    with pytest.raises(licences.UnseenLicence, match="pillow-jxl-plugin"):
        licences.page()


def test_a_package_that_is_not_installed_is_an_error() -> None:
    with pytest.raises(licences.UnseenLicence, match="not installed"):
        licences.licence_of("no-such-package-of-weft")
