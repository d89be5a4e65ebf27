"""Groups of vectors: what lies close together is found, noise is left alone, and large jobs get the same groups."""

from __future__ import annotations

import numpy as np
import pytest

from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.similar import groups as module
from shared.similar.copies import copies
from shared.similar.groups import closeness_of_one_class, dense_groups, likeness_across
from shared.similar.vectors import Vectors
from tests.banks import by_label, clustered, make_bank

DIM = 64


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def cloths(sizes: tuple[int, ...], noise: int, seed: int = 0) -> tuple[Vectors, np.ndarray]:
    """Photos in random order, each near its cloth's centre or (−1) near none."""
    rng = np.random.default_rng(seed)
    owner = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), np.full(noise, -1)])
    rng.shuffle(owner)
    centres = rng.normal(size=(len(sizes) + 1, DIM))
    rows = unit(np.where(owner[:, None] < 0, rng.normal(size=(len(owner), DIM)), centres[owner]))
    rows = unit(rows + 0.04 * rng.normal(size=rows.shape))
    return Vectors(np.arange(len(owner)) * 3, rows.astype(np.float16)), owner


@pytest.mark.parametrize("exact", [True, False])
def test_cloths_are_found_and_noise_is_not(exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not exact:
        monkeypatch.setattr(module, "_EXACT", 100)
    vectors, owner = cloths((40, 25, 3, 2), noise=300)
    found = dense_groups(vectors, 0.8)
    assert [len(group.items) for group in found] == [40, 25, 3]
    for group in found:
        assert len({owner[item // 3] for item in group.items}) == 1
        rows = vectors.chosen(np.array(group.items)).rows.astype(np.float32)
        # The first is the medoid, the rest come by falling likeness to it.
        first = vectors.of(group.items[0])
        assert (rows @ first).sum() == pytest.approx((rows @ rows.T).sum(axis=1).max(), rel=1e-2)
        likeness = [float(vectors.of(item) @ first) for item in group.items[1:]]
        assert likeness == sorted(likeness, reverse=True)
        assert group.likeness == pytest.approx(np.mean(likeness))


def test_copies_are_joined_through_each_other() -> None:
    rng = np.random.default_rng(1)
    rows = unit(rng.normal(size=(50, DIM)))
    rows[10:14] = rows[10]
    rows[30] = unit((rows[31] + 0.05 * rng.normal(size=DIM) / 8)[None])[0]
    found = copies(Vectors(np.arange(50), rows.astype(np.float16)), 0.98)
    assert [sorted(group.items) for group in found] == [[10, 11, 12, 13], [30, 31]]


def test_few_photos_have_no_groups() -> None:
    for count in range(3):
        rows = unit(np.ones((count, DIM))) if count else np.empty((0, DIM))
        assert dense_groups(Vectors(np.arange(count), rows.astype(np.float16)), 0.5) == []
    assert copies(Vectors(np.arange(1), unit(np.ones((1, DIM))).astype(np.float16)), 0.5) == []


def test_the_bank_says_how_close_photos_of_one_cloth_are(settings: Settings) -> None:
    make_bank(settings, by_label(clustered(12)))
    bank = BankStore(settings).load()
    threshold = closeness_of_one_class(bank)
    vectors, owner = bank.vectors.astype(np.float32), np.repeat(np.arange(12), 6)
    cosines = vectors @ vectors.T
    cosines[owner[:, None] == owner] = -1
    # Few samples are as close to another class.
    assert (cosines.max(axis=1) > threshold).mean() <= 0.03
    assert threshold < 1


def test_the_bank_says_how_alike_photos_of_different_classes_often_are(settings: Settings) -> None:
    make_bank(settings, by_label(clustered(12)))
    bank = BankStore(settings).load()
    often = likeness_across(bank, 0.5)
    vectors, owner = bank.vectors.astype(np.float32), np.repeat(np.arange(12), 6)
    cosines = vectors @ vectors.T
    cosines[owner[:, None] == owner] = -1
    assert often is not None
    assert (cosines.max(axis=1) > often).mean() == pytest.approx(0.5, abs=0.02)
    assert often < closeness_of_one_class(bank)


def test_a_bank_of_one_class_joins_nothing(settings: Settings) -> None:
    make_bank(settings, by_label(clustered(1)))
    assert likeness_across(BankStore(settings).load(), 0.5) is None
    assert closeness_of_one_class(BankStore(settings).load()) == 1.0
