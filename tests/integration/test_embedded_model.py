"""The model that lies in the repository: how it is built, run and asked, with few samples and with names alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from numpy.typing import NDArray

from scripts.lab.train import measure
from scripts.lab.train.data import TRAINING_SEEDS
from scripts.render import CLASSES, render, save_jpeg
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.curation.build import build_bank
from shared.curation.name_bank import build_names_bank
from shared.curation.sizes import unranked
from shared.encoder import Encoder, demo, encode_texts, load_encoder
from shared.encoder.spec import parse
from shared.encoder.store import ModelStore
from shared.ranking.ranker import rank
from tests.product import await_ready, start_product

# torch deprecates what open_clip and OpenVINO's frontend call
pytestmark = pytest.mark.filterwarnings("ignore")

#: Classes that look different, and seeds that neither training nor the demo bank uses.
SHOWN = ("denim", "corduroy", "tartan", "cable_knit", "leather", "lace")
SEEDS = range(2000, 2007)
SHOTS = 4


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data_dir=tmp_path_factory.mktemp("embedded"), model="demo", engine="openvino")


@pytest.fixture(scope="module")
def encoder(settings: Settings) -> Iterator[Encoder]:
    loaded = load_encoder(settings, threads=2)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def photos() -> list[NDArray[np.uint8]]:
    return [render(name, seed) for name in SHOWN for seed in SEEDS]


@pytest.fixture(scope="module")
def vectors(encoder: Encoder, photos: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    return encoder.encode([encoder.prepare(photo) for photo in photos])


def classes() -> NDArray[np.int64]:
    return np.repeat(np.arange(len(SHOWN)), len(SEEDS))


def test_open_clip_builds_it_without_a_network() -> None:
    import open_clip

    from shared.encoder import architectures

    architectures.register()
    model = open_clip.create_model(demo.ARCHITECTURE, pretrained=str(demo.WEIGHTS))
    assert sum(p.numel() for p in model.visual.parameters()) <= 6_000_000
    files = demo.WEIGHTS.parent.glob(f"{demo.ARCHITECTURE}.*")
    assert sum(file.stat().st_size for file in files) <= 16_000_000
    tokens = open_clip.get_tokenizer(demo.ARCHITECTURE)(["corduroy fabric", "灯芯绒面料"])
    assert tokens.shape == (2, 24)
    # the trade's words are whole tokens in both languages, not letters
    assert (tokens != 0).sum(1).max() <= 6


def test_openvino_says_what_torch_says(settings: Settings, encoder: Encoder) -> None:
    manifest = ModelStore.of(settings).find(parse("demo")[0])
    assert manifest is not None
    assert manifest.fidelity["f32"]["mean"] >= 0.999
    assert all(found["mean"] >= 0.99 for found in manifest.fidelity.values())


def test_few_samples_of_cloths_never_seen(vectors: NDArray[np.float32]) -> None:
    assert max(SEEDS) < TRAINING_SEEDS
    nearest, fused = measure.few_shot(vectors, classes(), SHOTS)
    # chance is a sixth
    assert min(nearest, fused) >= 0.8


@pytest.mark.parametrize(("prompt", "language"), [("{} fabric", "en"), ("{}面料", "zh")])
def test_names_alone_in_both_languages(
    settings: Settings, vectors: NDArray[np.float32], prompt: str, language: str
) -> None:
    names = [prompt.format(getattr(entry, language)) for entry in CLASSES.values()]
    truth = np.array([list(CLASSES).index(name) for name in SHOWN]).repeat(len(SEEDS))
    # chance is one of 51
    assert measure.zero_shot(vectors, truth, encode_texts(settings, names)) >= 0.6


def test_names_of_the_trade_are_those_of_the_renderer() -> None:
    written = json.loads((Path(demo.__file__).parents[1] / "curation" / "trade_names.json").read_text("utf-8"))
    # Where the trade says another name than the model was trained with, that one is the alias.
    trained = {
        name: {"zh": entry.get("aliases", [entry["zh"]])[0], "en": entry["en"]} for name, entry in written.items()
    }
    assert trained == {name: {"zh": entry.zh, "en": entry.en} for name, entry in CLASSES.items()}


@pytest.mark.slow
def test_a_bank_of_names_ranks_by_them(settings: Settings, vectors: NDArray[np.float32]) -> None:
    version = build_names_bank(settings)
    assert version is not None
    bank = BankStore(settings).load(version)
    assert (len(bank.vectors), bank.manifest.counts.named) == (0, len(CLASSES))
    found = rank(bank, vectors, "standard")
    right = [ranking.label == SHOWN[c] for ranking, c in zip(found, classes(), strict=True)]
    assert np.mean(right) >= 0.6
    assert all(candidate.sample is None for ranking in found for candidate in ranking.candidates)
    assert all(0 <= ranking.confidence <= 1 for ranking in found)


@pytest.mark.slow
def test_a_class_is_found_by_its_name_until_samples_come(
    settings: Settings, encoder: Encoder, vectors: NDArray[np.float32], photos: list[NDArray[np.uint8]], tmp_path: Path
) -> None:
    for number, photo in enumerate(photos):
        name, seed = SHOWN[number // len(SEEDS)], number % len(SEEDS)
        (tmp_path / name).mkdir(exist_ok=True)
        if name != "lace" and seed < 5:
            save_jpeg(tmp_path / name / f"{seed}.jpg", photo)
    bank = BankStore(settings).load(build_bank(tmp_path, encoder, settings))
    assert [entry.label for entry in bank.manifest.unused_classes] == ["lace"]
    [warning] = [w for w in bank.manifest.warnings if w.code == "class_empty"]
    assert unranked(warning).startswith("ranked by name only with ")
    lace = classes() == SHOWN.index("lace")
    by_name = rank(bank, vectors[lace], "standard")
    assert [(r.label, r.candidates[0].sample) for r in by_name].count(("lace", None)) >= 4
    others = rank(bank, vectors[~lace], "standard")
    assert np.mean([r.label == SHOWN[c] for r, c in zip(others, classes()[~lace], strict=True)]) >= 0.8
    assert all(r.candidates[0].sample for r in others if r.label != "lace")
    for seed in range(3):
        save_jpeg(tmp_path / "lace" / f"{seed}.jpg", photos[SHOWN.index("lace") * len(SEEDS) + seed])
    bank = BankStore(settings).load(build_bank(tmp_path, encoder, settings))
    [taken_over] = {bool(r.candidates[0].sample) for r in rank(bank, vectors[lace][:3], "standard")}
    assert taken_over


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_product_without_a_bank_classifies_by_name(settings: Settings, encoder: Encoder, tmp_path: Path) -> None:
    shutil.copytree(settings.model_store, tmp_path / "data" / "models")
    product = start_product(tmp_path, engine="openvino", model="demo")
    try:
        await_ready(product, seconds=150)
        save_jpeg(tmp_path / "photo.jpg", render("corduroy", 2000, 320))
        with (tmp_path / "photo.jpg").open("rb") as photo:
            item = requests.post(f"{product.url}/api/v1/classify?wait=20", files={"file": photo}, timeout=60).json()
        assert (item["label"], item["candidates"][0]["sample"]) == ("corduroy", None)
        page = requests.get(product.url, timeout=10).text
        assert "trained on rendered fabrics only" in page
        assert "ranked by class name only" in page
        assert requests.get(f"{product.url}/bank", timeout=10).text.count("by name only") == len(CLASSES)
    finally:
        product.stop()
