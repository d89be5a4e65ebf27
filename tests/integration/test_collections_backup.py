"""A backup holds collections and what is known of their files; restored, a run takes only what is new since."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.collections.store import Collections
from shared.core.settings import Settings
from shared.maintenance import backup
from tests.collections_harness import Site, counts, write
from tests.product import run_product


@pytest.mark.long
def test_a_restored_collection_goes_on(tmp_path: Path) -> None:
    target = tmp_path / "backup"
    photos = tmp_path / "photos"
    with run_product(tmp_path / "first", folder_roots=str(photos)) as product:
        site = Site.make(product, "kept", photos=6)
        site.run()
        backup.save(product.settings, target)
    settings = Settings(data_dir=tmp_path / "second" / "data", engine="null")
    backup.load(settings, target)
    write(photos / "kept" / "late.jpg", "late")
    with run_product(tmp_path / "second", folder_roots=str(photos)) as product:
        again = Site(product, photos / "kept", Collections(product.settings).find("kept"))
        assert counts(again.run()) == {"found": 7, "new": 1, "chosen": 1, "unchanged": 6}
        assert len(again.results()) == 7
        assert all(row["result"] for row in again.results().values())
