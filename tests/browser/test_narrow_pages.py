"""No page is wider than a narrow phone, however long the names of photos, jobs and senders are."""

from __future__ import annotations

import pytest
import requests
from playwright.sync_api import Page

from tests.browser.test_job_page import finished
from tests.product import Product

#: Names without a place to break, as cameras, phones and messengers make them.
LONG = "mmexport_1701393949704232714_" + "0123456789abcdef" * 8


@pytest.fixture(scope="module")
def job(product: Product) -> str:
    """The id of a finished job with long names and a failed photo."""
    files = [("files", (f"{LONG}/{LONG}-{n}.jpg", f"narrow {n}".encode())) for n in range(4)]
    data = {"name": LONG[:100]}
    made = requests.post(f"{product.url}/api/v1/jobs", files=files, data=data, timeout=30).json()["id"]
    finished(product, made)
    return str(made)


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/jobs", "/jobs/{job}", "/jobs/{job}/review", "/jobs/{job}/summary", "/jobs/{job}/groups", "/workers"),
        *(
            "/bank",
            "/bank/new",
            "/bank/classes/stripe-1",
            "/bank/check",
            "/bank/versions",
            "/bank/corrections",
            "/banks",
        ),
    ],
)
def test_no_page_is_wider_than_a_phone(page: Page, product: Product, job: str, path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    answer = page.goto(f"{path.format(job=job)}?lang=en")  # whose words are longer
    assert answer
    assert answer.ok
    page.wait_for_load_state("networkidle")
    wide = page.evaluate(
        "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1"
        " && !e.closest('svg') && getComputedStyle(e).visibility !== 'hidden').map(e => e.outerHTML.slice(0, 80))"
        ".slice(0, 3)"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, wide
