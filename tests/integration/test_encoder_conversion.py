"""Real conversions and real engines, on the architecture that lies in the repository."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.cli import main as cli
from shared.core.errors import ModelError
from shared.core.settings import Settings
from shared.encoder import demo, describe, encode_texts, load_encoder, tuning
from shared.encoder.fidelity import cosines, encode_files, synthetic_photos
from shared.encoder.spec import parse
from shared.encoder.store import Int8Accuracy, ModelStore

PHOTOS = synthetic_photos(5, seed=3)
ARCHITECTURE = demo.ARCHITECTURE

# torch deprecates what open_clip and OpenVINO's frontend call
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def weights(folder: Path) -> Path:
    """A checkpoint of our own making: the demo's architecture with another seed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import open_clip
        import torch
        from safetensors.torch import save_file

        from shared.encoder import architectures

        architectures.register()
        torch.manual_seed(5)
        state = open_clip.create_model(ARCHITECTURE, pretrained=None).state_dict()
        path = folder / "weights" / "mine.safetensors"
        path.parent.mkdir()
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


def of(folder: Path, model: str = "demo", engine: str = "openvino") -> Settings:
    return Settings(data_dir=folder, model=model, engine=engine)


def test_conversion_once_however_many_ask_and_no_torch_in_who_asks(folder: Path, weights: Path) -> None:
    # The torch engine was here before and left what it knows of the model: that is no conversion.
    load_encoder(of(folder, f"{ARCHITECTURE}/mine.safetensors", "torch"), threads=1).close()
    code = f"""
import json, sys
from shared.core.settings import Settings
from shared.encoder import load_encoder
said = []
settings = Settings(data_dir={str(folder)!r}, model="{ARCHITECTURE}/mine.safetensors", engine="openvino")
encoder = load_encoder(settings, threads=1, say=said.append)
print(json.dumps([said, [m for m in ("torch", "open_clip", "torchvision", "nncf") if m in sys.modules]]))
"""
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [json.loads(process.communicate(timeout=170)[0].splitlines()[-1]) for process in running]
    converted = [line for said, _ in answers for line in said if line.endswith(": converting")]
    assert len(converted) == 1
    assert [loaded for _, loaded in answers] == [[], []]
    store = ModelStore.of(of(folder))
    assert len(store.list()) == 1
    assert not list(store.root.glob(".converting-*"))


@pytest.fixture(scope="module")
def local(folder: Path, weights: Path) -> Settings:
    settings = of(folder, f"{ARCHITECTURE}/mine.safetensors")
    load_encoder(settings, threads=2).close()
    return settings


def test_vectors_agree_with_torch(local: Settings, folder: Path) -> None:
    encoder = load_encoder(local, threads=2)
    found = encode_files(encoder, PHOTOS)
    assert (found.dtype, found.shape) == (np.float32, (5, encoder.info.dim))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    reference = load_encoder(of(folder, local.model, "torch"), threads=2)
    assert reference.info.identity == encoder.info.identity
    assert reference.info.engine == "torch"
    assert cosines(found, encode_files(reference, PHOTOS))["min"] > 0.999
    # and the photos are told apart: the agreement is not that of constant vectors
    assert (found @ found.T - np.eye(5)).max() < 0.999


def test_what_is_described_is_what_is_loaded(local: Settings) -> None:
    assert describe(local) == load_encoder(local, threads=1).info


def test_a_batch_of_any_size_gives_the_same_rows(local: Settings) -> None:
    from shared.photos.decode import Limits, decode

    encoder = load_encoder(local, threads=2)
    prepared = [encoder.prepare(decode(photo, encoder.decode_size, Limits())) for photo in PHOTOS]
    together = encoder.encode(prepared)
    apart = np.concatenate([encoder.encode(prepared[:1]), encoder.encode(prepared[1:4]), encoder.encode(prepared[4:])])
    assert cosines(together, apart)["min"] > 0.9999
    assert encoder.encode([]).shape == (0, encoder.info.dim)


def test_fidelity_is_measured_and_kept(local: Settings) -> None:
    manifest = ModelStore.of(local).find(parse(local.model)[0])
    assert manifest is not None
    assert manifest.fidelity["f32"]["mean"] >= 0.999
    assert all(found["mean"] >= 0.99 and found["photos"] == 16 for found in manifest.fidelity.values())
    assert manifest.size > 0
    assert set(manifest.made_by) == {"torch", "open_clip", "openvino"}


@pytest.mark.long
def test_two_models_joined(local: Settings, folder: Path) -> None:
    joined = load_encoder(of(folder, f"{local.model} + demo"), threads=2)
    halves = [load_encoder(of(folder, model), threads=2) for model in (local.model, "demo")]
    assert joined.info == describe(of(folder, f"{local.model} + demo"))
    assert joined.info.dim == sum(half.info.dim for half in halves)
    assert joined.info.identity not in {half.info.identity for half in halves}
    found = encode_files(joined, PHOTOS)
    apart = np.concatenate([encode_files(half, PHOTOS) for half in halves], axis=1) / np.float32(2**0.5)
    np.testing.assert_allclose(found, apart, atol=2e-3)


def test_texts_lie_in_the_space_of_the_pictures(local: Settings, folder: Path) -> None:
    texts = encode_texts(local, ["a photo of linen", "a photo of silk", "a photo of linen"])
    assert (texts.dtype, texts.shape) == (np.float32, (3, describe(local).dim))
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(texts[0], texts[2], atol=1e-6)
    assert texts[0] @ texts[1] < 0.9999
    joined = of(folder, f"{local.model} + demo")
    assert encode_texts(joined, ["linen"]).shape == (1, describe(joined).dim)


def test_embed_writes_what_the_encoder_says(local: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "布料").mkdir()
    for index, photo in enumerate(PHOTOS[:3]):
        (tmp_path / "布料" / f"{index}.jpg").write_bytes(photo)
    (tmp_path / "broken.jpg").write_bytes(PHOTOS[3][:900])
    monkeypatch.setenv("WEFT_MODEL", local.model)
    monkeypatch.setenv("WEFT_ENGINE", "openvino")
    target = tmp_path / "out.npz"
    arguments = ["embed", str(tmp_path / "布料"), str(tmp_path / "broken.jpg"), "-o", str(target)]
    assert cli.run([*arguments, "--data-dir", str(local.data_dir)]) == 1  # one photo failed
    with np.load(target, allow_pickle=False) as file:
        assert list(file["names"]) == [str(tmp_path / "布料" / f"{index}.jpg") for index in range(3)]
        assert all(len(sha256) == 64 for sha256 in file["sha256"])
        assert cosines(file["embeddings"], encode_files(load_encoder(local, threads=2), PHOTOS[:3]))["min"] > 0.9999


def test_the_list_tells_what_is_in_force(
    local: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_MODEL", local.model)
    monkeypatch.setenv("WEFT_ENGINE", "openvino")
    assert cli.run(["model", "list", "--json", "--data-dir", str(local.data_dir)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["active"]["identity"] == describe(local).identity
    assert describe(local).identity in {model["identity"] for model in shown["models"]}


def refusal(folder: Path, model: str, engine: str = "torch") -> ModelError:
    with pytest.raises(ModelError) as caught:
        load_encoder(of(folder, model, engine), threads=1)
    return caught.value


class _Trap:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(self.path),)


def test_a_pickle_in_a_checkpoint_is_not_run(folder: Path, weights: Path) -> None:
    trap = folder / "sprung"
    (weights.parent / "evil.pt").write_bytes(pickle.dumps({"state_dict": _Trap(str(trap))}))
    assert refusal(folder, f"{ARCHITECTURE}/evil.pt").code == "model_file_pickle"
    assert not trap.exists()


def test_weights_that_cannot_be_used_are_named(folder: Path, weights: Path) -> None:
    (weights.parent / "short.safetensors").write_bytes(weights.read_bytes()[:1000])
    error = refusal(folder, f"{ARCHITECTURE}/short.safetensors")
    assert error.code == "model_file_damaged"
    assert "short.safetensors" in str(error)
    assert "no architecture Nope" in str(refusal(folder, "Nope/tag"))
    assert "laion2b_s34b_b79k" in str(refusal(folder, "ViT-B-32/no_such_tag"))


def test_an_error_in_the_child_arrives_as_it_is(folder: Path, weights: Path) -> None:
    error = refusal(folder, "ViT-B-32/gone.safetensors", engine="openvino")
    assert error.code == "model_unavailable"
    assert "gone.safetensors" in str(error)
    assert not list(ModelStore.of(of(folder)).root.glob(".converting-*"))


def test_without_a_network_the_answer_is_quick_and_says_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(
        huggingface_hub.constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}",
    )
    error = refusal(folder, "ViT-B-32/laion2b_s34b_b79k")
    assert error.code == "model_no_network"
    assert str(folder / "weights") in str(error)
    assert "WEFT_MODEL_DIR" in str(error)


def test_int8_without_a_quantized_model_is_refused(local: Settings, folder: Path) -> None:
    assert refusal(folder, local.model, "openvino-int8").code == "model_not_quantized"


def test_quantizing_compares_on_the_bank_and_is_adopted_only_if_as_good(
    local: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shared.encoder import quantization

    for index, photo in enumerate(PHOTOS[:4]):
        path = tmp_path / f"class {index // 2}" / f"{index}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(photo)
    accuracies = iter([1.0, 0.75])
    monkeypatch.setattr(quantization, "leave_one_out", lambda vectors, labels: next(accuracies))
    (done,) = quantization.quantize_model(local, photos=[], bank=tmp_path, say=lambda line: None)
    assert done.int8.leave_one_out == Int8Accuracy(before=1.0, int8=0.75, photos=4)
    # a tower that counts patterns loses more by int8 than one that multiplies (ViT-B/32 stays above 0.99)
    assert done.int8.fidelity["mean"] > 0.8
    assert done.int8.adopted is False
    assert refusal(folder, local.model, "openvino-int8").code == "model_not_quantized"

    store = ModelStore.of(local)
    manifest = store.find(parse(local.model)[0])
    assert manifest is not None
    store.write_manifest(replace(manifest, int8=done.int8.model_copy(update={"adopted": True})))
    encoder = load_encoder(of(folder, local.model, "openvino-int8"), threads=2)
    assert encoder.info.precision == "int8"
    assert encoder.info.identity == describe(local).identity
    assert cosines(encode_files(encoder, PHOTOS), encode_files(load_encoder(local, threads=2), PHOTOS))["mean"] > 0.8


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_weights_do_not_stay_in_memory_twice(folder: Path) -> None:
    """OpenVINO copies them out of the mapped file with the first photos; the file's pages are given back then."""
    encoder = load_encoder(of(folder), threads=1)
    first = encode_files(encoder, PHOTOS)
    again = encode_files(encoder, PHOTOS)
    mapping = Path("/proc/self/smaps").read_text().split(str(folder.resolve()))
    size, resident = (
        sum(int(rest.split(f"{name}:")[1].split()[0]) for rest in mapping[1:]) for name in ("Size", "Rss")
    )
    encoder.close()
    assert size > 0
    assert resident <= size / 10
    np.testing.assert_array_equal(first, again)


def test_a_lone_photo_may_have_a_black_one_beside_it(local: Settings) -> None:
    """Where tuning found that lone photos take much memory: nothing of it is seen in the answer."""
    expected = encode_files(load_encoder(local, threads=2), PHOTOS)
    store = ModelStore.of(local)
    manifest = store.find(parse(local.model)[0])
    assert manifest is not None
    note = store.folder(manifest.identity) / "tuning.json"
    name = tuning.key(describe(local).precision, 2)
    note.write_text(json.dumps({name: {"streams": 2, "micro_batch": 4, "smallest": 2}}), encoding="utf-8")
    encoder = load_encoder(local, threads=2, concurrent=True)
    alone = np.concatenate([encode_files(encoder, [photo]) for photo in PHOTOS])
    assert cosines(alone, expected)["min"] > 0.9999
    assert vars(encoder)["_seen"] == {2}
