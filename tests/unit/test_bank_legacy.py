"""Importing the old format: names come along, repeats are taken once, bad files leave the bank in force alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.bank.store import BankStore
from shared.core.errors import WeftError
from shared.core.settings import Settings
from shared.curation.legacy import import_legacy, read_legacy, required_model
from shared.encoder import describe
from shared.ranking.ranker import rank
from tests.banks import save_npz


@pytest.fixture
def dim(settings: Settings) -> int:
    return describe(settings).dim


def rows(count: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)


def test_names_come_along_and_repeats_are_taken_once(settings: Settings, tmp_path: Path, dim: int) -> None:
    denim, silk = rows(4, dim), rows(3, dim, 1)
    file = save_npz(tmp_path / "bank.npz", {"denim": np.concatenate([denim, denim]), "silk": silk, "void": silk[:0]})
    (tmp_path / "fabric_labels.json").write_text(json.dumps({"denim": "牛仔面料"}), encoding="utf-8")
    (tmp_path / "fabric_aliases.json").write_text(json.dumps({"denim": ["丹宁", "牛仔布"]}), encoding="utf-8-sig")
    store = BankStore(settings)
    version = import_legacy(file, settings)
    manifest = store.manifest(version)
    assert manifest.counts.to_json() | {"skipped": 0} == {
        "classes": 2, "samples": 7, "aside": 0, "skipped": 0, "duplicates": 4
    }  # fmt: skip
    assert manifest.classes[0].to_json() == {
        "label": "denim", "zh": "牛仔面料", "en": "denim", "aliases": ["丹宁", "牛仔布"], "count": 4
    }  # fmt: skip
    assert [w.label for w in manifest.warnings if w.code == "class_empty"] == ["void"]
    assert store.current() is None
    again = import_legacy(file, settings)
    assert store.samples(again) == store.samples(version)


def test_a_photo_that_is_in_the_bank_is_found_there(settings: Settings, tmp_path: Path, dim: int) -> None:
    """Its similarity rounds to 1.0000002, which the old code refused."""
    arrays = {f"class-{n}": rows(5, dim, n) for n in range(4)}
    bank = BankStore(settings).load(import_legacy(save_npz(tmp_path / "bank.npz", arrays), settings))
    own = np.concatenate([arrays[label] for label in sorted(arrays)])
    answers = rank(bank, own / np.linalg.norm(own, axis=1, keepdims=True), "standard")
    assert [answer.label for answer in answers] == [label for label in sorted(arrays) for _ in range(5)]
    assert all(0 <= answer.confidence <= 1 for answer in answers)


def npz(name: str, **arrays: Any) -> Callable[[Path, int], Path]:
    return lambda folder, dim: save_npz(folder / name, {k: v(dim) if callable(v) else v for k, v in arrays.items()})


def cut(folder: Path, dim: int) -> Path:
    file = save_npz(folder / "cut.npz", {"a": rows(4, dim)})
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return file


def flipped(folder: Path, dim: int) -> Path:
    file = save_npz(folder / "flipped.npz", {"a": rows(40, dim)})
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(bytes(data))
    return file


def text(folder: Path, dim: int) -> Path:
    (folder / "text.npz").write_text("no archive")
    return folder / "text.npz"


def single(folder: Path, dim: int) -> Path:
    np.save(folder / "single.npy", rows(4, dim))
    return (folder / "single.npy").rename(folder / "single.npz")


def with_row(value: float) -> Callable[[int], np.ndarray]:
    def made(dim: int) -> np.ndarray:
        array = rows(3, dim)
        array[1] = value
        return array

    return made


BAD = {
    "cut off": (cut, "legacy_damaged"),
    "a flipped byte": (flipped, "legacy_damaged"),
    "no archive": (text, "legacy_damaged"),
    "one array": (single, "legacy_damaged"),
    "missing": (lambda folder, dim: folder / "nothing.npz", "path_missing"),
    "pickled": (npz("p.npz", a=np.array([{"x": 1}], dtype=object)), "legacy_damaged"),
    "text arrays": (npz("t.npz", a=np.array(["x"])), "legacy_damaged"),
    "three dimensions": (npz("3.npz", a=lambda dim: rows(4, dim).reshape(2, 2, dim)), "legacy_damaged"),
    "two widths": (npz("w.npz", a=lambda dim: rows(4, dim), b=lambda dim: rows(4, dim - 1)), "legacy_damaged"),
    "another model's width": (npz("d.npz", a=lambda dim: rows(4, dim + 1)), "legacy_dimensions"),
    "NaN": (npz("n.npz", good=lambda dim: rows(2, dim), a=with_row(np.nan)), "bank_vectors_of"),
    "zeros": (npz("z.npz", a=with_row(0.0)), "bank_vectors_of"),
    "infinite": (npz("i.npz", a=with_row(np.inf)), "bank_vectors_of"),
    "no class": (npz("e.npz"), "bank_empty"),
    "empty classes": (npz("v.npz", a=np.empty((0, 8), np.float32)), "bank_empty"),
    "names in two cases": (npz("c.npz", denim=lambda dim: rows(2, dim), Denim=lambda dim: rows(2, dim)), "class_clash"),
    "names in two Unicode forms": (
        npz("u.npz", **{"caf\u00e9": lambda dim: rows(2, dim), "cafe\u0301": lambda dim: rows(2, dim)}),
        "class_clash",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_with_a_reason_and_changes_nothing(
    kind: str, settings: Settings, tmp_path: Path, dim: int
) -> None:
    store = BankStore(settings)
    good = import_legacy(save_npz(tmp_path / "good.npz", {"a": rows(3, dim), "b": rows(3, dim, 1)}), settings)
    store.publish(good)
    make, code = BAD[kind]
    with pytest.raises(WeftError) as refused:
        import_legacy(make(tmp_path, dim), settings)
    assert refused.value.code == code
    assert "?" not in str(refused.value)
    assert store.current() == good
    assert [row.version for row in store.list()] == [good]


def test_concatenated_towers_are_recognised_by_their_halves(tmp_path: Path) -> None:
    halves = [rows(5, 512), rows(5, 1024, 1)]
    joined = np.concatenate([half / np.linalg.norm(half, axis=1, keepdims=True) for half in halves], axis=1)
    legacy = read_legacy(save_npz(tmp_path / "joined.npz", {"a": joined}))
    told = required_model(legacy.vectors, "m")
    assert told.halves == [[0, 512], [512, 1536]]
    assert "ViT-H-14" in told.hint
    assert required_model(rows(5, 1536), "m").halves == [[0, 1536]]
