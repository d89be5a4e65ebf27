"""Pictures are told apart by their content, and not sent twice."""

from __future__ import annotations

from pathlib import Path

from shared.core.settings import Settings
from tests.bank_api import built_bank
from web.app import create_app


def test_the_tag_of_a_picture_is_its_contents(settings: Settings, tmp_path: Path) -> None:
    store = built_bank(settings, tmp_path / "photos")
    version, client = store.current() or "", create_app(settings).test_client()
    addresses = [f"/api/v1/bank/versions/{version}/samples/{row.id}" for row in store.samples(version)]
    tags = {client.get(address).headers["ETag"] for address in addresses}
    pictures = {client.get(address).data for address in addresses}
    assert len(tags) == len(pictures) > 1
    # A digest, not the length, which two pictures may share.
    assert all(len(tag) > 20 for tag in tags)
    tag = client.get(addresses[0]).headers["ETag"]
    again = client.get(addresses[0], headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
