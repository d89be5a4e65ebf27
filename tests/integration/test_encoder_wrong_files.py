"""Weights files that are something else, or belong to something else: each is named, in two languages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.core.errors import ModelError
from shared.core.messages import sentence
from shared.encoder import demo
from shared.encoder.spec import parse
from shared.encoder.store import ModelStore

pytestmark = pytest.mark.filterwarnings("ignore")
ARCHITECTURE = demo.ARCHITECTURE


def state() -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(demo.WEIGHTS)


def refusal(folder: Path, name: str, content: bytes | dict[str, Any] | Callable[[Path], None]) -> ModelError:
    import torch

    from shared.encoder.definition import create

    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        torch.save(content, path)
    else:
        content(path)
    with pytest.raises(ModelError) as caught:
        create(parse(f"{ARCHITECTURE}/{path}")[0], folder)
    said = [sentence(caught.value.code, language, **caught.value.detail) for language in ("en", "zh")]
    assert all(name in text and "?" not in text for text in said), said
    assert said[0] != said[1]
    return caught.value


def test_what_is_no_weights_file_is_named(tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 605000000\n"
    page = b"\n<!DOCTYPE html><html><body>Please sign in</body></html>"
    whole = demo.WEIGHTS.read_bytes()
    assert refusal(tmp_path, "a.safetensors", pointer).code == "model_file_lfs"
    assert refusal(tmp_path, "b.pt", page).code == "model_file_page"
    assert refusal(tmp_path, "c.bin", b"").code == "model_file_empty"
    assert refusal(tmp_path, "d.safetensors", whole[: len(whole) // 2]).code == "model_file_damaged"
    assert refusal(tmp_path, "e.pt", b"nothing that torch writes").code == "model_file_damaged"
    assert refusal(tmp_path, "f.pt", {"args": Path("x"), "state_dict": state()}).code == "model_file_pickle"


def test_torchscript_is_not_run_but_explained(tmp_path: Path) -> None:
    import torch

    def script(path: Path) -> None:
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(path))

    error = refusal(tmp_path, "ViT-B-32.pt", script)
    assert error.code == "model_file_torchscript"
    # what it advises is Python that gives the weights
    advised = str(error).partition('python -c "')[2].rpartition('"')[0]
    compile(advised, "advice", "exec")
    assert "ViT-B-32-weights.pt" in advised


def test_weights_of_something_else_are_named_by_layer(tmp_path: Path) -> None:
    import torch

    wide = state()
    layer = next(name for name, tensor in wide.items() if tensor.ndim == 2 and "embedding" not in name)
    shape = list(wide[layer].shape)
    wide[layer] = torch.zeros(shape[0] + 1, shape[1])
    error = refusal(tmp_path, "wide.pt", wide)
    assert error.code == "model_weights_shape"
    assert error.detail["layer"] == layer
    assert error.detail["expected"] == f"{shape[0]} × {shape[1]}"
    assert error.detail["found"] == f"{shape[0] + 1} × {shape[1]}"

    short = state()
    del short[layer]
    short["extra.weight"] = torch.zeros(1)
    error = refusal(tmp_path, "short.pt", short)
    assert error.code == "model_weights_keys"
    assert (error.detail["missing"], error.detail["unexpected"], error.detail["first"]) == (1, 1, layer)

    for name, keys, layout in (
        ("transformers.pt", {"text_model.x": torch.zeros(1), "vision_model.x": torch.zeros(1)}, "transformers"),
        ("chinese.pt", {"module.bert.x": torch.zeros(1), "module.visual.x": torch.zeros(1)}, "Chinese-CLIP"),
        ("wrapped.pt", {"model": state()}, '{"model": …}'),
    ):
        error = refusal(tmp_path, name, keys)
        assert error.code == "model_weights_layout", name
        assert layout in error.detail["layout"]


def test_weights_that_are_not_numbers_are_found_before_the_conversion(tmp_path: Path) -> None:
    import torch

    broken = state()
    layer = next(name for name, tensor in broken.items() if tensor.ndim == 2)
    broken[layer] = broken[layer].float().clone()
    broken[layer][0, 0] = torch.nan
    error = refusal(tmp_path, "nan.pt", broken)
    assert error.code == "model_weights_nan"
    assert (error.detail["layer"], error.detail["wrong"]) == (layer, 1)


def test_a_config_beside_decides_preprocessing_and_activation_of_the_real_model(tmp_path: Path) -> None:
    import open_clip
    import torch
    from safetensors.torch import save_file

    from shared.encoder.definition import create

    torch.manual_seed(3)
    architecture = "ViT-S-32-alt"
    weights = open_clip.create_model(architecture, pretrained=None).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, tmp_path / "w.safetensors")
    part, store = parse(f"{architecture}/w.safetensors")[0], ModelStore(tmp_path / "models", tmp_path)
    bare = create(part, tmp_path)
    store.remember(bare.manifest(store))
    (tmp_path / "open_clip_config.json").write_text(
        '{"model_cfg": {"quick_gelu": true}, "preprocess_cfg": {"mean": 0.5, "resize_mode": "squash"}}'
    )
    assert store.find(part) is None
    repaired = create(part, tmp_path)
    store.remember(repaired.manifest(store))
    found = store.find(part)
    assert found is not None
    assert found.identity == repaired.identity(store) != bare.identity(store)
    assert (found.preprocessing_from, found.activation) == ("config", "QuickGELU")
    assert (found.preprocessing.mean, found.preprocessing.resize_mode) == ((0.5,) * 3, "squash")
    assert len(store.list()) == 2
    pixels = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert not torch.allclose(bare.model.encode_image(pixels), repaired.model.encode_image(pixels), atol=1e-3)
