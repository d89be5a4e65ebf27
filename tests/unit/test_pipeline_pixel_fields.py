"""Fields that are computed from the pixels: once per photo, kept with the vector, never in the way of a result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shared.encoder.cache import CachedPhoto, EmbeddingCache
from shared.jobs.field_model import Field
from shared.jobs.fields import FROM_PIXELS
from shared.pipeline import pixel_fields
from tests.pipeline_harness import DIM, Colours, Hashing, ListSource, cut, make_pipeline, pictures, run, stored

COLOURS = [(200, 10, 10), (10, 200, 10), (10, 10, 200)]


class Shade:
    """The mean colour of a photo; counts how often it is computed."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, image: Image.Image) -> list[int]:
        self.calls += 1
        return [round(v) for v in np.asarray(image).reshape(-1, 3).mean(0)]


def declare(monkeypatch: pytest.MonkeyPatch, compute: Any, version: int = 1) -> None:
    shade = Field("shade", list[int] | None, "", label="Shade", version=version, from_pixels=True)
    monkeypatch.setattr(pixel_fields, "FROM_PIXELS", (shade,))
    monkeypatch.setattr(pixel_fields, "FROM_FILE", ())
    monkeypatch.setattr(pixel_fields, "COMPUTE", {"shade": compute})


def test_every_declared_field_has_its_function() -> None:
    assert set(pixel_fields.COMPUTE) == {f.name for f in FROM_PIXELS}


def test_values_are_computed_once_and_come_with_every_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shade = Shade()
    declare(monkeypatch, shade)
    encoder = Colours()
    cache = EmbeddingCache(None, encoder.info.cache_digest, DIM)
    for _ in range(2):
        source = ListSource.of(*cut(pictures(tmp_path, COLOURS), 2))
        run(make_pipeline(tmp_path, encoder, cache), source)
        found = [source.results[n].extra["shade/1"] for n in range(3)]
        assert np.abs(np.array(found) - COLOURS).max() <= 1
    assert shade.calls == 3
    assert all(r.cached for r in source.results.values())


def test_a_cached_photo_without_the_value_is_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the value is of an earlier version; the vector's answer stays the same."""
    encoder = Colours()
    cache = EmbeddingCache(None, encoder.info.cache_digest, DIM)
    before = ListSource.of(*cut(pictures(tmp_path, COLOURS), 3))
    run(make_pipeline(tmp_path, encoder, cache), before)
    for version in (1, 2):
        declare(monkeypatch, Shade(), version)
        after = ListSource.of(*cut(pictures(tmp_path, COLOURS), 3))
        run(make_pipeline(tmp_path, encoder, cache), after)
        assert not any(r.cached for r in after.results.values())
        assert [list(after.results[n].extra) for n in range(3)] == [[f"shade/{version}"]] * 3
        assert [r.ranking for r in after.results.values()] == [before.results[n].ranking for n in after.results]


def test_a_value_that_cannot_be_computed_costs_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(rgb: np.ndarray) -> None:
        raise ZeroDivisionError

    declare(monkeypatch, fail)
    source = ListSource.of(*cut(pictures(tmp_path, COLOURS), 3))
    run(make_pipeline(tmp_path, Colours()), source)
    assert [(r.ok, r.extra) for r in source.results.values()] == [(True, {"shade/1": None})] * 3


def test_engines_without_pixels_need_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, Shade())
    items = stored(["a", "b"])
    encoder = Hashing()
    cache = EmbeddingCache(None, encoder.info.cache_digest, DIM)
    cache.set_many({items[0].sha256 or "": CachedPhoto(np.ones(DIM, np.float16))})
    source = ListSource.of(*cut(items, 2))
    run(make_pipeline(tmp_path, encoder, cache), source)
    assert [(source.results[n].cached, source.results[n].extra) for n in range(2)] == [(True, {}), (False, {})]
