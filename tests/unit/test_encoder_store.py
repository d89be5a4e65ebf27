"""The model store: what is found, and what is not taken for found."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from shared.core.errors import InvalidRequest, ModelError
from shared.core.settings import Settings
from shared.encoder.choice import choose
from shared.encoder.describe import describe
from shared.encoder.joined import concatenate
from shared.encoder.preprocessing import Preprocessing
from shared.encoder.quantization import leave_one_out
from shared.encoder.spec import parse
from shared.encoder.store import Int8Accuracy, Int8Tower, Manifest, ModelStore, read


@pytest.fixture
def store(settings: Settings) -> ModelStore:
    settings.weights_dir.mkdir(parents=True)
    return ModelStore.of(settings)


INT8 = Int8Tower(
    leave_one_out=Int8Accuracy(before=1.0, int8=1.0, photos=4),
    fidelity={"mean": 0.9, "min": 0.8, "photos": 4},
    adopted=True,
    calibration=4,
    size=9,
    created=1.0,
)


def kept(store: ModelStore, **changes: object) -> Manifest:
    manifest = Manifest("Some/tag", "Some", "0" * 16, "f" * 64, 8, Preprocessing((32, 32)), tag="tag", created=1.0)
    manifest = replace(manifest, **changes)  # type: ignore[arg-type]
    store.folder(manifest.identity).mkdir(parents=True)
    store.write_manifest(manifest)
    return manifest


def test_a_manifest_comes_back_as_it_was(store: ModelStore) -> None:
    written = kept(store, fidelity={"f32": {"mean": 0.5}}, int8=INT8, preprocessing=Preprocessing((3, 5)))
    assert store.list() == [written]
    assert store.find(parse("Some/tag")[0]) == written
    assert store.find(parse("Some/other")[0]) is None
    assert store.find(parse("Other/tag")[0]) is None


@pytest.mark.parametrize("damage", [b"", b"{", b'{"format": 99}', b'{"format": 1}', b"\xff\xfe"])
def test_a_damaged_manifest_is_no_model(store: ModelStore, damage: bytes) -> None:
    folder = store.folder(kept(store).identity)
    (folder / "manifest.json").write_bytes(damage)
    assert read(folder) is None
    assert store.list() == []


def test_local_weights_are_found_by_content(store: ModelStore) -> None:
    file = store.weights_dir / "w.safetensors"
    file.write_bytes(b"one")
    part = parse("Some/w.safetensors")[0]
    kept(store, name="Some/moved.safetensors", tag=None, weights=store.weights_sha256(file))
    found = store.find(part)
    assert found is not None
    assert found.name == "Some/w.safetensors"
    # the same name with other content is another model
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert store.find(part) is None


def test_a_missing_weights_file_of_our_own_architecture_is_said(store: ModelStore, settings: Settings) -> None:
    with pytest.raises(ModelError) as caught:
        describe(settings.model_copy(update={"engine": "openvino", "model": "weft-fabric/gone.safetensors"}))
    assert "gone.safetensors" in str(caught.value)


def test_preprocessing_beside_the_weights_counts(store: ModelStore) -> None:
    weights = store.weights_dir / "w.safetensors"
    part = parse("Some/w.safetensors")[0]

    def chosen() -> Preprocessing:
        choice = choose(part, weights)
        assert choice is not None
        return choice.preprocessing(64)

    assert chosen() == Preprocessing((64, 64))
    beside = store.weights_dir / "open_clip_config.json"
    beside.write_text('{"preprocess_cfg": {"mean": 0.5, "std": [0.5, 0.5, 0.5], "resize_mode": "squash", "size": 96}}')
    assert chosen() == Preprocessing((96, 96), mean=(0.5,) * 3, std=(0.5,) * 3, resize_mode="squash")
    for damaged in ("{", "[]", '{"preprocess_cfg": {"mean": "grey"}}', '{"model_cfg": 3}'):
        beside.write_text(damaged)
        with pytest.raises(ModelError):
            chosen()


def test_joined_halves_weigh_the_same() -> None:
    draw = np.random.default_rng(0)
    small, large = draw.normal(0, 1, (4, 8)).astype(np.float32), draw.normal(0, 50, (4, 32)).astype(np.float32)
    joined = concatenate([small, large])
    assert joined.shape == (4, 40)
    np.testing.assert_allclose(np.linalg.norm(joined, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(joined[:, :8], axis=1), 0.5**0.5, atol=1e-6)


def test_leave_one_out_accuracy() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 1, 2]] + np.float32(0.01)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert leave_one_out(vectors, ["a", "a", "b", "b", "b", "alone"]) == 1.0
    assert leave_one_out(vectors, ["a", "a", "b", "b", "a", "alone"]) == pytest.approx(4 / 5)
    with pytest.raises(InvalidRequest):
        leave_one_out(vectors[:2], ["a", "b"])
