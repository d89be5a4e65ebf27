"""`WEFT_ENGINE=openvino-w8`: weights that stay int8 in memory, made once, close to the converted model's vectors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from scripts.cli import main as cli
from scripts.cli import output
from scripts.lab.models_table import save_weights
from scripts.render import render_view, save_jpeg
from shared.core.errors import ModelError
from shared.core.settings import Settings
from shared.encoder import compression, hardware, load_encoder
from shared.encoder.converter import ensure
from shared.encoder.fidelity import encode_files, synthetic_photos
from shared.encoder.spec import parse
from shared.encoder.store import ModelStore

pytestmark = pytest.mark.slow
ARCHITECTURE = "ViT-S-32-alt"


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("compressed")
    weights = folder / f"{ARCHITECTURE}.safetensors"
    save_weights(ARCHITECTURE, weights)
    settings = Settings(data_dir=folder / "data", model=f"{ARCHITECTURE}/{weights}", engine="openvino-w8")
    ensure(ModelStore.of(settings), parse(settings.model)[0], lambda _: None)
    return settings


def test_vectors_stay_close_and_the_tower_is_made_once(converted: Settings) -> None:
    said: list[str] = []
    encoder = load_encoder(converted, threads=2, say=said.append)
    assert encoder.info.precision == "w8"
    assert any("compressing the weights" in line for line in said)
    photos = synthetic_photos(8, seed=5)
    own = load_encoder(converted.model_copy(update={"engine": "openvino"}), threads=2)
    found, expected = encode_files(encoder, photos), encode_files(own, photos)
    assert float(np.einsum("nd,nd->n", found, expected).min()) > 0.998
    assert not np.array_equal(found, expected)
    # Vectors of two precisions are not taken for each other in the cache.
    assert encoder.info.cache_digest != own.info.cache_digest
    said.clear()
    load_encoder(converted, threads=2, say=said.append).close()
    assert not any("compressing" in line for line in said)
    store = ModelStore.of(converted)
    manifest = store.find(parse(converted.model)[0])
    assert manifest is not None
    sizes = {
        folder: sum(file.stat().st_size for file in (store.folder(manifest.identity) / folder).glob("model.*"))
        for folder in (".", "w8")
    }
    assert sizes["w8"] < 0.6 * sizes["."]
    assert not list(store.root.glob("**/.w8-*"))


def test_the_command_says_how_close_it_is(
    converted: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("burlap", "cable_knit"):
        for view in range(2):
            save_jpeg(tmp_path / name / f"{view}.jpg", render_view(name, 1, view, 224))
    arguments = ["--data-dir", str(converted.data_dir), "model", "compress", converted.model]
    assert cli.run([*arguments, "--bank", str(tmp_path), "--json"]) == output.OK
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert model["fidelity"]["min"] > 0.99
    assert model["size"] < model["before"]
    assert model["leave_one_out"]["photos"] == 4


def test_a_processor_without_bf16_is_offered_it(
    converted: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--data-dir", str(converted.data_dir), "model", "pull", converted.model]
    for precision, offered in (("f32", True), ("bf16", False)):
        monkeypatch.setattr(hardware, "cpu_precision", lambda precision=precision: precision)
        assert cli.run(arguments) == output.OK
        told = " ".join(capsys.readouterr().out.split())
        assert ("WEFT_ENGINE=openvino-w8 keeps the weights in int8" in told) is offered
        assert cli.run([*arguments, "--json"]) == output.OK
        offer = json.loads(capsys.readouterr().out)["offer"]
        assert (offer is not None) is offered
        assert offer is None or (offer["engine"] == "openvino-w8" and offer["smallest_cosine"] > 0.99)
    monkeypatch.setattr(hardware, "cpu_precision", lambda: "f32")
    monkeypatch.setattr(compression, "ensure", refuse)
    assert cli.run(arguments) == output.OK
    told = " ".join(capsys.readouterr().out.split())
    assert "no help (no such kernel)" in told
    assert "`weft model quantize --bank FOLDER`" in told


def refuse(*_: object) -> None:
    raise ModelError("model_not_compressed", model="a model", reason="no such kernel")


def test_a_tower_of_another_processor_is_measured_here_and_not_made_again(
    converted: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders of models are copied and shared: what another machine measured says nothing of this one."""
    part, store = parse(converted.model)[0], ModelStore.of(converted)
    folder, here = compression.ensure(store, part, lambda _: None)
    assert here.processor == hardware.cpu_kind()
    made = (folder / "model.bin").stat().st_mtime_ns
    monkeypatch.setattr(hardware, "cpu_kind", lambda: "avx2")
    compression.compress(store, part, lambda _: None)
    assert (folder / "model.bin").stat().st_mtime_ns == made
    assert compression.ensure(store, part, lambda _: None)[1].processor == "avx2"
    monkeypatch.undo()
    assert compression.ensure(store, part, lambda _: None)[1] == here
    # Where it is of no use here, it stays for those that it serves.
    monkeypatch.setattr(hardware, "cpu_kind", lambda: "sve")
    monkeypatch.setattr(compression, "LEAST", 1.1)
    with pytest.raises(ModelError) as refused:
        compression.compress(store, part, lambda _: None)
    assert refused.value.code == "model_not_compressed"
    assert (folder / "model.bin").stat().st_mtime_ns == made


def test_a_tower_that_is_too_far_off_is_refused(converted: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    part, store = parse(converted.model)[0], ModelStore.of(converted)
    manifest = store.find(part)
    assert manifest is not None
    folder = store.folder(manifest.identity) / "w8"
    shutil.rmtree(folder, ignore_errors=True)
    monkeypatch.setattr(compression, "LEAST", 1.1)
    with pytest.raises(ModelError) as refused:
        compression.compress(store, part, lambda _: None)
    assert refused.value.code == "model_not_compressed"
    assert not folder.exists()
    assert not list(store.root.glob("**/.w8-*"))
