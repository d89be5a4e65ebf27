"""Vectors of photos survive a restart: what was classified before costs no decoding, today as yesterday."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.product import Product, make_photos, run_product


def _cached(product: Product, photos: Path) -> int:
    done = product.weft("submit", photos, "--watch", "--json", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return int(json.loads(done.stdout)["cached"])


@pytest.mark.long
def test_photos_of_before_the_restart_are_answered_from_the_cache(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", classes=5, each=8)
    with run_product(tmp_path) as product:
        assert _cached(product, photos) < 40
    with run_product(tmp_path) as product:
        assert _cached(product, photos) == 40


def test_damaged_snapshot_of_the_cache_does_not_keep_anything_from_starting(tmp_path: Path) -> None:
    with run_product(tmp_path, workers=0) as product:
        snapshot = product.settings.data_dir / "redis" / "cache" / "dump.rdb"
    assert snapshot.exists() or snapshot.parent.is_dir()
    snapshot.write_bytes(b"VALKEY999 no snapshot that any server reads")
    with run_product(tmp_path, workers=0, bank=False):
        assert not snapshot.exists()
