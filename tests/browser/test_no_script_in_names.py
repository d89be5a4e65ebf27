"""Names that are markup stay text in a real browser, on every page that shows them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, Page

from tests.bank_api import call, finished, job_of
from tests.browser.conftest import visiting
from tests.product import Product

#: Each would call `hit`, were it ever markup, script, or an attribute's end.
PAYLOADS = (
    "<img src=x onerror=hit()>",
    "<script>hit()<\u2215script>",
    '"><svg onload=hit()>',
    "' onmouseover=hit() x='",
    "{{hit()}}${hit()}",
    "javascript:hit()",
    "<iframe srcdoc=&lt;script&gt;parent.hit()&lt;&#47;script&gt;>",
    "&lt;img src=x onerror=hit()&gt;",
)


@pytest.fixture(scope="module")
def job(product: Product) -> str:
    """A job whose name and whose photos' names are payloads; one photo is corrected to a class of such a name."""
    folder = product.photos / "odd-markup"
    folder.mkdir(parents=True)
    for number, payload in enumerate(PAYLOADS):
        (folder / f"{payload}.jpg").write_bytes(b"markup %d" % number)
    asked = {"path": str(folder), "preset": "standard", "name": PAYLOADS[0]}
    made = call(product, "POST", "/jobs/folder", asked, 202)
    finished(product, made)
    assert job_of(product, made)["ok"] == len(PAYLOADS)
    for item, label in enumerate(PAYLOADS[:2]):
        answer = requests.patch(
            f"{product.url}/api/v1/jobs/{made['id']}/items/{item}",
            json={"label": label, "new_class": True},
            timeout=20,
        )
        assert answer.status_code in (200, 400), answer.text
    return str(made["id"])


@pytest.fixture
def visitor(browser: Browser, product: Product) -> Iterator[Page]:
    with visiting(browser, product) as page:
        page.add_init_script("window.hits = 0; window.hit = () => { window.hits += 1; }")
        yield page


@pytest.mark.parametrize(
    "path",
    ["/jobs", "/jobs/{job}", "/jobs/{job}/review", "/jobs/{job}?label={payload}", "/bank/corrections", "/{payload}"],
)
def test_markup_in_names_is_text(visitor: Page, job: str, path: str) -> None:
    answer = visitor.goto(path.format(job=job, payload=PAYLOADS[0]))
    assert answer is not None
    assert answer.status in (200, 404)
    visitor.wait_for_timeout(500)
    for key in ("j", "ArrowRight"):
        visitor.keyboard.press(key)
    visitor.wait_for_timeout(300)
    assert visitor.evaluate("window.hits") == 0
    markup = "img[src=x], iframe, [onload], [onerror], [onmouseover]"
    assert visitor.locator(markup).count() == 0
    if path in ("/jobs", "/jobs/{job}"):
        assert "onerror=hit()" in visitor.inner_text("body")


def test_what_is_typed_as_a_new_class_is_text(visitor: Page, job: str) -> None:
    """The review page's own scripts (review.js, names.js) write what is typed."""
    visitor.goto(f"/jobs/{job}/review")
    visitor.wait_for_timeout(500)
    visitor.keyboard.press("/")
    visitor.keyboard.type(PAYLOADS[0])
    visitor.wait_for_timeout(500)
    assert visitor.evaluate("window.hits") == 0
    assert visitor.locator("img[src=x]").count() == 0
