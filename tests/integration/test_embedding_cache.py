"""The embedding cache: two levels, exact float16 rows, and never in the way."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from scripts.supervisor import redis as embedded
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.encoder.cache import EmbeddingCache

SHAS = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(4)]


def rows(dim: int = 8) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {s: rng.standard_normal(dim).astype(np.float16) for s in SHAS}


def test_another_process_finds_exactly_what_one_left(settings: Settings, redis_pair: embedded.Pair) -> None:
    url = addresses(settings).cache
    made = rows()
    EmbeddingCache(url, "digest", 8).set_many(made)
    other = EmbeddingCache(url, "digest", 8)
    found = other.get_many([*SHAS, "00" * 32])
    assert set(found) == set(SHAS)
    assert all(np.array_equal(found[s], made[s]) for s in SHAS)
    assert (other.hits, other.misses) == (4, 1)
    # Another encoder's vectors are another matter, and so is a row of the wrong length.
    assert EmbeddingCache(url, "another", 8).get_many(SHAS) == {}
    assert EmbeddingCache(url, "digest", 16).get_many(SHAS) == {}


def test_without_its_redis_it_still_serves_its_own_process(tmp_path: object) -> None:
    for url in (None, f"unix://{tmp_path}/nobody.sock"):
        cache = EmbeddingCache(url, "digest", 8)
        assert cache.get_many(SHAS) == {}
        cache.set_many(rows())
        assert set(cache.get_many(SHAS)) == set(SHAS)


def test_a_full_cache_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = EmbeddingCache(None, "digest", 8)
    monkeypatch.setattr(cache, "_room", 2)
    made = rows()
    for sha in SHAS[:2]:
        cache.set_many({sha: made[sha]})
    cache.get_many([SHAS[0]])
    cache.set_many({SHAS[2]: made[SHAS[2]]})
    assert set(cache.get_many(SHAS)) == {SHAS[0], SHAS[2]}
