"""The embedding cache: two levels, exact float16 rows, and never in the way."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from scripts.supervisor import redis as embedded
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.encoder.cache import CachedPhoto, EmbeddingCache

SHAS = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(4)]


def photos(dim: int = 8, **extra: object) -> dict[str, CachedPhoto]:
    rng = np.random.default_rng(0)
    return {s: CachedPhoto(rng.standard_normal(dim).astype(np.float16), extra) for s in SHAS}


def test_another_process_finds_exactly_what_one_left(settings: Settings, redis_pair: embedded.Pair) -> None:
    url = addresses(settings).cache
    made = photos()
    first, other = EmbeddingCache(url, "digest", 8), EmbeddingCache(url, "digest", 8)
    first.set_many(made)
    assert other.get_many(SHAS) == {}
    first.flush()
    other.misses = 0
    found = other.get_many([*SHAS, "00" * 32])
    assert set(found) == set(SHAS)
    assert all(np.array_equal(found[s].vector, made[s].vector) for s in SHAS)
    assert (other.hits, other.misses) == (4, 1)
    # Another encoder's vectors are another matter, and so is a row of the wrong length.
    assert EmbeddingCache(url, "another", 8).get_many(SHAS) == {}
    assert EmbeddingCache(url, "digest", 16).get_many(SHAS) == {}


def test_extra_values_are_kept_with_the_vector(settings: Settings, redis_pair: embedded.Pair) -> None:
    url = addresses(settings).cache
    extra = {"shade/1": {"name": "酒红", "lab": [32.5, 45.0, 12.0]}, "none/1": None}
    first = EmbeddingCache(url, "digest", 8)
    first.set_many(photos(**extra))
    first.flush()
    other = EmbeddingCache(url, "digest", 8)
    found = other.get_many(SHAS, ["shade/1", "none/1"])
    assert [found[s].extra for s in SHAS] == [extra] * 4
    assert all(np.array_equal(found[s].vector, photos()[s].vector) for s in SHAS)
    # The value of another version is to be computed again, so the photo has to be decoded.
    assert other.get_many(SHAS, ["shade/2"]) == {}
    assert EmbeddingCache(url, "digest", 8).get_many(SHAS, ["shade/2"]) == {}
    assert (other.hits, other.misses) == (4, 4)


def test_entries_of_earlier_versions_are_read_and_damaged_ones_ignored() -> None:
    vector = photos()[SHAS[0]].vector
    bare = CachedPhoto.from_bytes(vector.tobytes(), 8)
    assert bare is not None
    assert np.array_equal(bare.vector, vector)
    assert bare.extra == {}
    assert CachedPhoto(vector).to_bytes() == vector.tobytes()
    for rest in (b"\x01", b"\x01[1]", b"\x01{", b"\x02{}", b"{}", b"\x01\xff"):
        assert CachedPhoto.from_bytes(vector.tobytes() + rest, 8) is None, rest


def test_without_its_redis_it_still_serves_its_own_process(tmp_path: object) -> None:
    for url in (None, f"unix://{tmp_path}/nobody.sock"):
        cache = EmbeddingCache(url, "digest", 8)
        assert cache.get_many(SHAS) == {}
        cache.set_many(photos())
        cache.flush()
        assert set(cache.get_many(SHAS)) == set(SHAS)


def test_many_new_photos_are_sent_without_being_asked_for(settings: Settings, redis_pair: embedded.Pair) -> None:
    url = addresses(settings).cache
    first, other = EmbeddingCache(url, "digest", 8), EmbeddingCache(url, "digest", 8)
    made = {f"{n:064x}": CachedPhoto(np.full(8, n, np.float16)) for n in range(64)}
    first.set_many(made)
    assert set(other.get_many(list(made))) == set(made)


def test_a_full_cache_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = EmbeddingCache(None, "digest", 8)
    monkeypatch.setattr(cache, "_room", 2)
    made = photos()
    for sha in SHAS[:2]:
        cache.set_many({sha: made[sha]})
    cache.get_many([SHAS[0]])
    cache.set_many({SHAS[2]: made[SHAS[2]]})
    assert set(cache.get_many(SHAS)) == {SHAS[0], SHAS[2]}
