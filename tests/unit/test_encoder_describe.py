"""The encoder as others see it before it is loaded, and the engines without pixels."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from shared.core.errors import ModelError
from shared.core.settings import Settings
from shared.encoder import demo, describe, load_encoder


def of(folder: Path, **changes: str) -> Settings:
    return Settings(data_dir=folder, **changes)  # type: ignore[arg-type]


def test_the_demo_is_known_before_it_is_converted(tmp_path: Path) -> None:
    null, real = describe(of(tmp_path, engine="null")), describe(of(tmp_path, engine="openvino"))
    assert null.identity == real.identity
    assert (null.dim, null.input_size) == (real.dim, real.input_size)
    assert (null.engine, null.precision) == ("null", "null")
    assert null.cache_digest != real.cache_digest
    assert (real.trained, null.trained) == (True, False)
    assert demo.is_demo(real.model)
    assert demo.is_demo(f"ViT-B-32/openai + {real.model}")
    assert not demo.is_demo("ViT-B-32/openai")
    # whoever reads the name reads what the model is
    assert "rendered fabrics only" in real.model


def test_an_unknown_model_is_named_null_without_pixels_and_refused_with(tmp_path: Path) -> None:
    info = describe(of(tmp_path, engine="null", model="ViT-B-32/openai"))
    assert (info.model, info.engine, info.trained) == ("null", "null", False)
    with pytest.raises(ModelError) as caught:
        describe(of(tmp_path, engine="openvino", model="ViT-B-32/openai"))
    assert caught.value.code == "model_not_converted"
    assert "ViT-B-32/openai" in str(caught.value)


def test_describing_imports_nothing_numeric(tmp_path: Path) -> None:
    code = (
        "import sys; from shared.core.settings import Settings; from shared.encoder import describe;"
        f"describe(Settings(data_dir={str(tmp_path)!r}));"
        "print([m for m in ('numpy', 'torch', 'openvino', 'PIL', 'simplejpeg', 'open_clip') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_a_vector_belongs_to_its_hash_alone(tmp_path: Path) -> None:
    encoder = load_encoder(of(tmp_path, engine="null"), threads=1)
    hashes = [f"{number:064x}" for number in range(50)]
    vectors = encoder.encode_hashes(hashes)
    assert vectors.shape == (50, encoder.info.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    # in another order, in other company: the same rows, and every other row far away
    np.testing.assert_array_equal(encoder.encode_hashes(hashes[::-1])[::-1], vectors)
    np.testing.assert_array_equal(encoder.encode_hashes(hashes[7:8])[0], vectors[7])
    likeness = vectors @ vectors.T - np.eye(50)
    assert np.abs(likeness).max() < 0.6
    assert encoder.encode_hashes([]).shape == (0, encoder.info.dim)


def test_sleep_takes_its_time_a_photo(tmp_path: Path) -> None:
    encoder = load_encoder(of(tmp_path, engine="sleep:20"), threads=1)
    began = time.perf_counter()
    slept = encoder.encode_hashes(["a", "b", "c"])
    assert time.perf_counter() - began >= 0.06
    np.testing.assert_array_equal(slept, load_encoder(of(tmp_path, engine="null"), threads=1).encode_hashes("abc"))


def test_micro_batch_can_be_set(tmp_path: Path) -> None:
    assert load_encoder(of(tmp_path, engine="null", micro_batch="5"), threads=1).micro_batch == 5
    assert load_encoder(of(tmp_path, engine="null"), threads=1).micro_batch == 16
