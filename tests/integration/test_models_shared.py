"""A model that one machine has converted is fetched by the others from the object store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import s3fs

from shared.core.settings import Settings
from shared.encoder import converter, load_encoder, shared_models
from shared.encoder.fidelity import encode_files, synthetic_photos
from shared.encoder.spec import parse
from shared.encoder.store import ModelStore
from tests.s3_server import BUCKET, S3Server, s3_here

# torch deprecates what open_clip and OpenVINO's frontend call
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

DEMO = parse("demo")[0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_here(tmp_path_factory.mktemp("s3")) as started:
        yield started


@pytest.fixture(scope="module")
def first(server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The machine that has converted the model."""
    settings = machine(tmp_path_factory.mktemp("first"))
    said: list[str] = []
    converter.ensure(ModelStore.of(settings), DEMO, said.append)
    assert any("converting" in line for line in said), said
    return settings


def machine(folder: Path) -> Settings:
    return Settings(data_dir=folder / "data", storage_url=f"s3://{BUCKET}/weft", engine="openvino", threads=1)


def test_another_machine_fetches_it_and_answers_alike(first: Settings, server: S3Server, tmp_path: Path) -> None:
    second, said = machine(tmp_path), []
    encoder = load_encoder(second, threads=1, say=said.append)
    assert [line for line in said if "object store" in line] == [f"{DEMO.name}: fetched from the object store"], said
    assert not [line for line in said if "converting" in line]
    photos = synthetic_photos(3, seed=5)
    here, there = encoder, load_encoder(first, threads=1, say=said.append)
    assert np.array_equal(encode_files(here, photos), encode_files(there, photos))
    for one in (here, there):
        one.close()
    # One object, and nothing left behind on either machine.
    assert len(server.objects("weft/models/")) == 1
    for settings in (first, second):
        assert not [path.name for path in settings.model_store.iterdir() if path.name.startswith((".fetch", ".shar"))]
    # What a machine measured of itself is its own.
    folder = next(second.model_store.glob("*/manifest.json")).parent
    assert {path.name for path in folder.iterdir()} == {"manifest.json", "model.bin", "model.xml"}


def test_what_is_no_model_is_not_taken(first: Settings, server: S3Server, tmp_path: Path) -> None:
    (key,) = server.objects("weft/models/")
    store, at = s3fs.S3FileSystem(), f"{BUCKET}/{key}"
    whole = store.cat_file(at)
    try:
        for damaged in (b"no archive", whole[: len(whole) // 2], b"\0" * 10240):
            store.pipe_file(at, damaged)
            said: list[str] = []
            assert not shared_models.fetch(ModelStore.of(machine(tmp_path)), DEMO, said.append)
            assert len(said) == 1, said
        assert not list(tmp_path.glob("data/models/*/manifest.json"))
    finally:
        store.pipe_file(at, whole)


def test_a_store_that_does_not_answer_costs_a_conversion(server: S3Server, tmp_path: Path) -> None:
    said: list[str] = []
    server.way.refuse()
    try:
        found = converter.ensure(ModelStore.of(machine(tmp_path)), DEMO, said.append)
    finally:
        server.way.heal()
    assert found.converted
    assert sum("not fetched" in line for line in said) == 1, said
    assert sum("not offered" in line for line in said) == 1, said
