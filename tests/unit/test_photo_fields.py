"""What is kept of a photo: from its file through decode pool, cache, ledger and projection to API, exports and page."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from openpyxl import load_workbook
from PIL import Image
from pyarrow import parquet

from shared.core.settings import Settings
from shared.encoder.cache import EmbeddingCache
from shared.jobs.export import stream
from shared.jobs.fields import STORED
from shared.jobs.ledger.wire import pack_results, unpack_results
from shared.jobs.model import Item, ItemResult, Job, JobState, Lane
from shared.jobs.projection import open_projection
from shared.jobs.result_rows import columns, public
from shared.photos import lab
from shared.photos.colour_names import COLOUR_NAMES
from shared.photos.confinement import Confinement
from shared.photos.decode import Limits, decode_photo
from shared.photos.decode_pool import DecodePool
from shared.photos.decode_server import Task
from shared.photos.dominant_colours import dominant
from shared.photos.thumbnails import thumbnails
from shared.pipeline.pixel_fields import compute
from tests.icc_profiles import P3, cmyk
from tests.pipeline_harness import DIM, Colours, ListSource, cut, make_pipeline, run
from web.app import create_app
from web.pages.card_addresses import CardAddresses

JOB = Job(
    **{"id": "1m8mcpqtb3rj2", "name": "colours", "kind": "upload", "state": JobState.FINISHED, "lane": Lane.BULK},
    **{"preset": "standard", "model": "m", "bank": "b1", "identity": "feed", "total": 1, "listed": True, "ok": 1},
    **{"failed": 0, "duplicates": 0, "cached": 0, "created": 1.0},
)
NAVY, CREAM = (27, 37, 71), (245, 233, 201)


def jpeg() -> bytes:
    """Navy above, cream below, in Display P3, on its side, by a camera."""
    pixels = np.zeros((120, 160, 3), np.uint8)
    pixels[:, :96], pixels[:, 96:] = P3.from_srgb(np.array(NAVY)).round(), P3.from_srgb(np.array(CREAM)).round()
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Canon", "EOS R5", 6
    exif.get_ifd(0x8769)[0x9003] = "2024:05:01 12:30:15"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0)})
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95, subsampling=0, exif=exif, icc_profile=P3.profile())
    return out.getvalue()


def test_from_the_file_to_everything_that_is_shown(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    encoder = Colours()
    cache = EmbeddingCache(None, encoder.info.cache_digest, DIM)
    for _ in range(2):
        source = ListSource.of(*cut([Item(0, "a.jpg", path=str(tmp_path / "a.jpg"))], 2))
        run(make_pipeline(tmp_path, encoder, cache), source)
    assert source.results[0].cached
    results = unpack_results(pack_results([source.results[0]]))
    shown = public(results[0], "zh")
    assert [(c["name"], c["share"]) for c in shown["colours"]] == [("深蓝", 0.6), ("奶油色", 0.4)]
    assert lab.difference(np.array(shown["colours"][0]["lab"]), lab.from_srgb(np.array(NAVY, np.uint8))) < 2
    about = {name: shown[name] for name in ("camera", "taken", "size", "profile", "orientation", "notes")}
    assert about == {
        **{"camera": "Canon EOS R5", "taken": "2024-05-01T12:30:15", "size": [120, 160], "profile": "Display P3"},
        **{"orientation": 6, "notes": None},
    }
    assert "51" not in json.dumps(
        {k: v for k, v in shown.items() if k not in ("colours", "label", "sha256", "candidates")}
    )

    with closing(open_projection(settings, JOB.id)):
        pass
    with closing(sqlite3.connect(settings.jobs_dir / f"{JOB.id}.sqlite")) as database:
        marks = ", ".join("?" * len(STORED))
        database.executemany(f"INSERT INTO items VALUES ({marks})", [columns(r) for r in results])
        database.commit()
    with closing(open_projection(settings, JOB.id)) as projection:
        made = {kind: b"".join(stream(JOB, projection, kind, "en")) for kind in ("csv", "jsonl", "xlsx", "parquet")}
        items, _ = projection.items()
    table = parquet.read_table(io.BytesIO(made["parquet"])).to_pylist()[0]
    wanted = {
        **{"colour_1": "navy", "colour_2": "cream", "colour_3": None, "width": 120},
        **{"height": 160, "camera": "Canon EOS R5", "colour_profile": "Display P3", "orientation": 6, "notes": None},
    }
    assert {name: table[name] for name in wanted} == wanted
    assert table["colour_share_1"] == pytest.approx(0.6)
    assert table["colour_hex_1"].startswith("#1")
    assert "navy" in made["csv"].decode()
    assert json.loads(made["jsonl"])["colours"][1]["name"] == "cream"
    sheet = load_workbook(io.BytesIO(made["xlsx"])).active
    assert sheet is not None
    names, values = ([cell.value for cell in row] for row in sheet.iter_rows())
    assert dict(zip(names, values, strict=True))["colour_2"] == "cream"
    app = create_app(settings)
    with app.test_request_context("/?lang=zh"):
        picture = app.jinja_env.get_template("macros.html").module.picture  # type: ignore[attr-defined]
        card = app.jinja_env.get_template("parts/card.html").render(
            item=items[0], job=JOB, names={}, to=CardAddresses(JOB, {}), picture=picture
        )
    assert f'fill="{table["colour_hex_1"]}"' in card
    for text in ("深蓝" if "深蓝" in card else "navy", "Canon EOS R5", "120 × 160", "2024-05-01 12:30"):
        assert text in card


def test_notes_are_sentences_in_the_users_language() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (32, 32), (n * 60, 0, 0)) for n in range(3)]
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    extra = json.loads(json.dumps(compute(decode_photo(out.getvalue(), 32, Limits()))))
    for lang, expected in (
        ("en", "The first of 3 frames or pages was classified."),
        ("zh", "共 3 帧或页，识别的是第一张。"),
    ):
        notes = public(ItemResult(0, "a.tif", extra=extra), lang)["notes"]
        assert notes == [{"code": "first_of_several", "message": expected}]


@pytest.mark.parametrize(("code", "name"), COLOUR_NAMES.items())
def test_every_named_colour_has_its_own_name(code: str, name: str) -> None:
    rgb = np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)], np.uint8)
    assert dominant(np.broadcast_to(rgb, (20, 30, 3))) == [
        [code, [round(float(v), 1) + 0.0 for v in lab.from_srgb(rgb)], 1.0, name]
    ]


def test_dominant_colours_are_those_of_a_stripe_with_noise() -> None:
    draw = np.random.default_rng(2)
    stripe = np.zeros((300, 400, 3))
    stripe[:, :200], stripe[:, 200:320], stripe[:, 320:380] = (207, 34, 48), (47, 143, 69), (244, 210, 31)
    stripe[:, 380:] = (250, 250, 250)
    noisy = (stripe + draw.normal(0, 8, stripe.shape)).clip(0, 255).astype(np.uint8)
    found = dominant(noisy)
    assert [row[3] for row in found] == ["red", "green", "yellow"]
    assert np.abs(np.array([row[2] for row in found]) - (0.5, 0.3, 0.15)).max() < 0.02
    assert dominant(noisy) == found


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (3, 60000), (2, 2)])
def test_dominant_colours_of_odd_shapes(shape: tuple[int, int]) -> None:
    assert dominant(np.full((*shape, 3), 250, np.uint8))[0][2:] == [1.0, "white"]


def test_the_decode_pool_sees_the_same_colours_and_facts(settings: Settings) -> None:
    """Its processes can open no file: all that profiles need is there before."""
    files = {}
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        out = io.BytesIO()
        Image.new("RGB", (64, 64), (200, 60, 40)).save(out, kind, icc_profile=P3.profile())
        files[kind] = out.getvalue()
    files |= {"camera": jpeg(), "press": cmyk_jpeg()}
    task = Task(32, Limits(), (same,), compute, Confinement(512 << 20, 5.0))
    pool = DecodePool(1, task, budget=512 << 20, wall_seconds=60)
    try:
        for kind, data in files.items():
            here = decode_photo(data, 32, Limits())
            there = pool.decode(data, thumbnail=True)
            assert (there.arrays[0] == here.pixels).all(), kind
            assert there.values == json.loads(json.dumps(compute(here))), kind
            assert there.thumbnails == thumbnails(here.pixels)
            assert here.facts.profile, kind
    finally:
        pool.close()


def same(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture)


def cmyk_jpeg() -> bytes:
    out = io.BytesIO()
    Image.new("CMYK", (64, 64), (120, 40, 10, 0)).save(out, "JPEG", icc_profile=cmyk())
    return out.getvalue()
