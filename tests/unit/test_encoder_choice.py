"""Preprocessing and activation of a model: whose word is taken, and that another word makes another model."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from scripts.cli import main as cli
from shared.core.errors import ModelError
from shared.core.messages import sentence
from shared.core.settings import Settings
from shared.encoder import identity, tables
from shared.encoder.choice import Choice, choose, other_activation
from shared.encoder.describe import describe
from shared.encoder.open_clip_config import ModelConfig
from shared.encoder.preprocessing import OPENAI_MEAN, Preprocessing
from shared.encoder.spec import like, parse
from shared.encoder.store import Manifest, ModelStore

HALF = (0.5, 0.5, 0.5)


def chosen(model: str) -> Choice:
    choice = choose(parse(model)[0], None)
    assert choice is not None
    return choice


@pytest.mark.long
def test_the_table_is_that_of_the_installed_open_clip() -> None:
    # in a process of its own: others register architectures with open_clip
    code = "import json; from scripts.open_clip_tables import tables; print(json.dumps(tables()))"
    made = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert json.loads(made) == json.loads(tables.FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("ViT-B-16-SigLIP", Preprocessing((224, 224), HALF, HALF, "bicubic", "squash")),
        ("MobileCLIP2-S0", Preprocessing((224, 224), (0.0,) * 3, (1.0,) * 3, "bilinear", "shortest")),
        ("ViT-B-32", Preprocessing((224, 224))),
    ],
)
def test_a_bare_file_is_prepared_as_all_tags_of_its_architecture(architecture: str, expected: Preprocessing) -> None:
    choice = chosen(f"{architecture}/w.safetensors")
    assert choice.preprocessing(224) == expected
    assert (choice.source, choice.quick_gelu) == ("tags", False)


def test_tags_that_differ_are_asked_about() -> None:
    with pytest.raises(ModelError) as caught:
        choose(parse("ViT-L-14/w.safetensors")[0], None)
    assert caught.value.code == "model_preprocessing_unclear"
    said = str(caught.value)
    assert "laion2b_s32b_b82k: mean [0.5, 0.5, 0.5]" in said
    assert "--preprocessing-of TAG" in said
    assert "interpolation" not in said  # in that they agree
    assert "预处理" in sentence("model_preprocessing_unclear", "zh", **caught.value.detail)

    answered = chosen("ViT-L-14/w.safetensors@laion2b_s32b_b82k")
    assert answered.preprocessing(224).mean == HALF
    assert answered.source == "tag:laion2b_s32b_b82k"
    openai = chosen("ViT-L-14/w.safetensors@openai")
    assert (openai.preprocessing(224).mean, openai.quick_gelu) == (OPENAI_MEAN, True)
    # the option of `weft model pull` means the same as the name
    assert like(parse("ViT-L-14/w.pt")[0], "openai") == parse("ViT-L-14/w.pt@openai")[0]
    for refused in ("ViT-L-14/openai", "demo", "ViT-L-14/w.pt@dfn2b"):
        with pytest.raises(ModelError):
            like(parse(refused)[0], "openai")


def test_a_misspelt_name_is_answered_with_those_like_it(settings: Settings) -> None:
    with pytest.raises(ModelError) as tag:
        choose(parse("ViT-L-14/w.safetensors@laion2b_s32b_b82")[0], None)
    assert tag.value.code == "model_unknown_tag"
    assert tag.value.detail["near"].split(", ")[0] == "laion2b_s32b_b82k"
    for written in ("vit-b-32/openai", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"):
        with pytest.raises(ModelError) as caught:
            describe(settings.model_copy(update={"engine": "openvino", "model": written}))
        assert caught.value.code == "model_unknown_architecture"
        assert caught.value.detail["near"].split(", ")[0] == "ViT-B-32"
        assert "您是指 ViT-B-32" in sentence(caught.value.code, "zh", **caught.value.detail)


def test_search_needs_no_network_and_finds_architectures_and_tags(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["model", "search", "mobileclip2", "--json"]) == 0
    found = {row["name"]: row["tags"] for row in json.loads(capsys.readouterr().out)["architectures"]}
    assert found["MobileCLIP2-S0"] == ["dfndr2b"]
    assert all("MobileCLIP2" in name for name in found)
    assert tables.search("DFN5B")["ViT-H-14"] == ["dfn5b"]
    assert cli.run(["model", "search", "MobileKLIP2-S0", "--json"]) == 0
    nothing = json.loads(capsys.readouterr().out)
    assert nothing["architectures"] == []
    assert nothing["similar"][0] == "MobileCLIP2-S0"


def test_activation_and_every_field_of_the_preprocessing_make_another_identity() -> None:
    config = ModelConfig.from_json({"vision_cfg": {"image_size": 64}, "embed_dim": 8})
    plain = Preprocessing((64, 64))
    others = [
        Preprocessing((65, 64)),
        Preprocessing((64, 64), mean=HALF),
        Preprocessing((64, 64), std=HALF),
        Preprocessing((64, 64), interpolation="bilinear"),
        Preprocessing((64, 64), resize_mode="squash"),
        Preprocessing((64, 64), fill_color=1),
    ]
    identities = {identity.of_model("A", config, "f", each) for each in (plain, *others)}
    identities.add(identity.of_model("A", config, "f", plain, quick_gelu=True))
    assert len(identities) == 8
    # Models whose config says everything keep the identity that banks were built with.
    assert identity.of_model("A", config, "f", plain) == "2228085af4baf9f2"


def kept(store: ModelStore, architecture: str, weights: str, **changes: object) -> Manifest:
    manifest = Manifest("x", architecture, "0" * 16, weights, 8, Preprocessing((224, 224)), size=1, created=1.0)
    manifest = replace(manifest, **changes)  # type: ignore[arg-type]
    store.folder(manifest.identity).mkdir(parents=True)
    store.write_manifest(manifest)
    return manifest


def test_a_model_converted_with_another_preprocessing_is_not_the_one(settings: Settings) -> None:
    store = ModelStore.of(settings)
    store.weights_dir.mkdir(parents=True)
    file = store.weights_dir / "w.safetensors"
    file.write_bytes(b"weights")
    sha256 = store.weights_sha256(file)
    siglip = parse("ViT-B-16-SigLIP/w.safetensors")[0]
    # as earlier versions converted such a file: with the preprocessing of OpenAI's CLIP
    kept(store, siglip.architecture, sha256)
    assert store.find(siglip) is None
    right = chosen(siglip.name).preprocessing(224)
    kept(store, siglip.architecture, sha256, identity="1" * 16, preprocessing=right)
    found = store.find(siglip)
    assert found is not None
    assert (found.identity, found.preprocessing_from) == ("1" * 16, "tags")
    # the same file with a config beside it is a third model
    (file.parent / "open_clip_config.json").write_text('{"preprocess_cfg": {"resize_mode": "longest"}}')
    assert store.find(siglip) is None
    assert len(store.list()) == 2


def test_the_same_file_by_tag_and_by_path_is_one_model_only_with_one_activation(settings: Settings) -> None:
    store = ModelStore.of(settings)
    file = store.weights_dir / "ViT-B-32" / "openai.pt"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    sha256 = store.weights_sha256(file)
    by_tag, by_path, as_tag = (parse(f"ViT-B-32/{rest}")[0] for rest in ("openai", f"{file}", f"{file}@openai"))
    kept(store, "ViT-B-32", sha256, tag="openai", quick_gelu=True)
    assert store.find(by_path) is None
    kept(store, "ViT-B-32", sha256, identity="1" * 16)
    found = [store.find(part) for part in (by_tag, by_path, as_tag)]
    assert [manifest and manifest.identity for manifest in found] == ["0" * 16, "1" * 16, "0" * 16]
    assert [manifest and manifest.activation for manifest in found] == ["QuickGELU", "GELU", "QuickGELU"]
    assert "openai" in other_activation(by_path)
    assert other_activation(by_tag) == other_activation(as_tag) == []
    assert other_activation(parse("ViT-B-32-quickgelu/w.pt")[0]) == []
