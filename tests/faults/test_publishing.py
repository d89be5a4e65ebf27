"""A bank is put in force in the middle of a long job."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bank_api import call
from tests.integration.test_bank_versions import publish_under_load, without_class
from tests.product import Product, run_product


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with run_product(tmp_path_factory.mktemp("publishing"), workers=2, engine="sleep:2") as running:
        yield running


@pytest.mark.long
def test_a_job_of_5000_photos_keeps_its_bank(two_workers: Product) -> None:
    first = call(two_workers, "GET", "/bank")["version"]
    publish_under_load(two_workers, without_class(two_workers, "stripe-2"), "long", 5000)
    assert call(two_workers, "POST", "/bank/rollback")["current"] == first
