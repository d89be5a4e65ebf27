"""How WEFT_MODEL and WEFT_ENGINE are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.core.errors import InvalidRequest, ModelError
from shared.encoder import engine, hardware
from shared.encoder.spec import join_names, locate_weights, parse


def test_a_tag() -> None:
    (part,) = parse("ViT-B-32/laion2b_s34b_b79k")
    assert (part.architecture, part.tag, part.weights) == ("ViT-B-32", "laion2b_s34b_b79k", None)


@pytest.mark.parametrize("source", ["w.safetensors", "deep/er/w.pt", "/abs/olute/w.bin"])
def test_a_path(source: str) -> None:
    (part,) = parse(f"ViT-B-32/{source}")
    assert (part.architecture, part.tag, part.weights) == ("ViT-B-32", None, source)


def test_several_are_joined_in_order() -> None:
    parts = parse("ViT-B-32/openai + demo")
    assert parts[0].architecture == "ViT-B-32"
    assert join_names(parts).startswith("ViT-B-32/openai + demo")


@pytest.mark.parametrize("model", ["", "ViT-B-32", "/x", "ViT-B-32/", "demo + demo", "demo + "])
def test_what_cannot_be_read_is_refused(model: str) -> None:
    with pytest.raises(ModelError) as caught:
        parse(model)
    assert caught.value.code == "model_unavailable"


def test_where_weights_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, here = tmp_path / "weights", tmp_path / "here"
    for folder in (weights / "Arch", here):
        folder.mkdir(parents=True)
    monkeypatch.chdir(here)

    def located(model: str) -> Path | None:
        return locate_weights(parse(model)[0], weights)

    assert located("Arch/w.safetensors") is None
    (weights / "w.safetensors").touch()
    assert located("Arch/w.safetensors") == weights / "w.safetensors"
    (here / "w.safetensors").touch()
    assert located("Arch/w.safetensors") == here / "w.safetensors"
    assert located(f"Arch/{here}/w.safetensors") == here / "w.safetensors"
    assert located(f"Arch{here}/w.safetensors") == here / "w.safetensors"
    assert located("Arch/tag") is None
    (weights / "Arch" / "tag.pt").touch()
    assert located("Arch/tag") == weights / "Arch" / "tag.pt"


def test_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "cuda_likely", lambda: False)
    monkeypatch.setattr(hardware, "cpu_precision", lambda: "bf16")
    assert engine.parse("auto") == engine.Engine("openvino", "bf16", "CPU")
    assert engine.parse("openvino-int8") == engine.Engine("openvino", "int8", "CPU")
    assert engine.parse("torch") == engine.Engine("torch", "bf16", "CPU")
    assert engine.parse("null") == engine.Engine("null", "null", "CPU")
    assert engine.parse("sleep:25").seconds == 0.025
    monkeypatch.setattr(hardware, "cuda_likely", lambda: True)
    assert engine.parse("auto") == engine.Engine("torch", "fp16", "CUDA")
    for wrong in ("sleep", "sleep:x", "gpu", ""):
        with pytest.raises(InvalidRequest):
            engine.parse(wrong)


def test_cuda_hidden_by_the_environment_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    hardware.cuda_likely.cache_clear()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not hardware.cuda_likely()
    hardware.cuda_likely.cache_clear()
