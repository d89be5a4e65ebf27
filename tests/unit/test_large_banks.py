"""Banks from a folder of vectors: what comes out is that of a small import; large ones are read a class at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shared.bank.bank import Bank
from shared.bank.sample_rows import INDEX, SampleRows
from shared.bank.store import BankStore
from shared.core.errors import WeftError
from shared.core.settings import Settings
from shared.curation import from_vectors as module
from shared.curation import vector_parts, writer
from shared.curation.check import check_bank
from shared.curation.from_vectors import import_vectors
from shared.curation.legacy import import_legacy
from shared.encoder import describe
from shared.ranking.fitting import fit
from shared.ranking.ranker import rank
from tests.banks import save_npz

CLASSES, EACH = 12, 9
load = BankStore.load


def meaningful(bank: Bank) -> Bank:
    """As if a real encoder had made it."""
    encoder = replace(bank.manifest.encoder, engine="openvino")
    return replace(bank, manifest=bank.manifest.model_copy(update={"encoder": encoder}))


@pytest.fixture
def arrays(settings: Settings) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    dim = describe(settings).dim
    centres = rng.normal(size=(CLASSES, 1, dim))
    rows = centres + 0.8 * rng.normal(size=(CLASSES, EACH, dim))
    # The same row once more.
    rows[3, 5] = rows[3, 2]
    return {f"class-{number:02}": one.astype(np.float32) for number, one in enumerate(rows)}


@pytest.fixture
def folder(tmp_path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """The same in three parts, in another order."""
    found = tmp_path / "parts"
    found.mkdir()
    labels = [label for label, rows in arrays.items() for _ in rows]
    order = np.random.default_rng(5).permutation(len(labels))
    every, labels = np.concatenate(list(arrays.values()))[order], [labels[row] for row in order]
    np.save(found / "a.npy", every[:40])
    (found / "a.labels").write_text("\n".join(labels[:40]) + "\n", encoding="utf-8")
    np.save(found / "b.npy", every[40:60].astype(np.float16))
    (found / "b.labels").write_text("\n".join(labels[40:60]), encoding="utf-8")
    (found / "b.names").write_text("\n".join(f"roll-{row}.jpg" for row in range(20)), encoding="utf-8")
    names = [f"/swatches/{label}/{row}.jpg" for row, label in enumerate(labels[60:])]
    save_npz(found / "c.npz", {"embeddings": every[60:], "names": names, "sha256": [""] * len(names)})
    (found / "labels.json").write_text(json.dumps({"class-03": "牛仔"}), encoding="utf-8")
    return found


def test_a_folder_gives_the_bank_of_an_npz(
    settings: Settings, tmp_path: Path, folder: Path, arrays: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (vector_parts, module):
        monkeypatch.setattr(place, "BLOCK" if place is vector_parts else "_BLOCK", 7)
    one = import_vectors(folder, settings)
    two = import_legacy(save_npz(tmp_path / "bank.npz", arrays), settings)
    store = BankStore(settings)
    made, known = store.load(one), store.load(two)
    by_id = dict(zip(known.ids, known.vectors, strict=True))
    assert made.manifest.counts == known.manifest.counts
    assert made.manifest.counts.duplicates == 1
    assert made.manifest.classes[3].zh == "牛仔"
    assert made.manifest.ranking == known.manifest.ranking
    # Half precision is another vector to the last digit, so another id.
    shared = [row for row, identifier in enumerate(made.ids) if identifier in by_id]
    assert len(shared) >= len(known.ids) - 20
    for row in shared:
        assert np.array_equal(made.vectors[row], by_id[made.ids[row]])
    rows = store.samples(one)
    assert [row.id.encode() for row in rows] == made.ids.tolist()
    assert {row.name for row in rows} >= {"roll-3.jpg", "/swatches/class-05/" + "0.jpg"} or len(rows) == len(made.ids)
    assert not list(store.folder(one).glob("lines"))


def test_a_large_bank_is_read_a_class_at_a_time(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = import_vectors(folder, settings)
    for place in (module, writer, fit):
        monkeypatch.setattr(place, "LARGE", 50)
    version = import_vectors(folder, settings)
    store = BankStore(settings)
    store.publish(version)
    assert INDEX in store.manifest(version).files
    rows = store.samples(version)
    assert isinstance(rows, SampleRows)
    assert list(rows) == list(store.samples(small))
    assert [rows[at] for at in (0, 50, len(rows) - 1)] == [list(rows)[at] for at in (0, 50, -1)]
    classes = store.classes(version)
    assert [list(found.samples) for found in classes] == [list(found.samples) for found in store.classes(small)]
    assert rank(store.load(version), np.asarray(store.load(version).vectors[:5]), "standard")
    monkeypatch.setattr("shared.curation.check.LARGE", 50)
    monkeypatch.setattr(BankStore, "load", lambda self, version=None: meaningful(load(self, version)))
    report = check_bank(settings, version)
    assert report.vectors == len(rows)
    assert report.leave_one_out is not None
    # All rows are asked but the one of two, which is one photo.
    assert report.leave_one_out.queries == len(rows)
    assert set(report.leave_one_out.per_class) == {entry.label for entry in store.manifest(version).classes}


def test_an_index_that_does_not_fit_is_damage(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (module, writer, fit):
        monkeypatch.setattr(place, "LARGE", 50)
    store = BankStore(settings)
    version = import_vectors(folder, settings)
    lines = (store.folder(version) / "samples.jsonl").read_bytes()
    rows = SampleRows(store.folder(version), [entry.count for entry in store.manifest(version).classes])
    rows.verify([entry.label for entry in store.manifest(version).classes])
    (store.folder(version) / "samples.jsonl").write_bytes(lines[:-40])
    with pytest.raises(ValueError, match="ends at"):
        rows.verify([entry.label for entry in store.manifest(version).classes])
    with pytest.raises(WeftError, match="damaged"):
        BankStore(settings).publish(version)


def nan(folder: Path) -> None:
    np.save(folder / "a.npy", np.full((40, len(np.load(folder / "a.npy")[0])), np.nan))


def short(folder: Path) -> None:
    (folder / "a.labels").write_text("one\ntwo", encoding="utf-8")


def narrow(folder: Path) -> None:
    np.save(folder / "b.npy", np.load(folder / "b.npy")[:, :4])


def cut(folder: Path) -> None:
    (folder / "c.npz").write_bytes((folder / "c.npz").read_bytes()[:900])


def unlabelled(folder: Path) -> None:
    (folder / "b.labels").unlink()


def objects(folder: Path) -> None:
    np.savez(folder / "c.npz", embeddings=np.ones((2, 4)), labels=np.array(["a", None], dtype=object))


def no_vectors(folder: Path) -> None:
    np.savez(folder / "c.npz", vectors=np.ones((2, 4)))


def nameless(folder: Path) -> None:
    lines = (folder / "a.labels").read_text("utf-8").splitlines()
    (folder / "a.labels").write_text("\n".join([*lines[:5], " ", *lines[6:]]), encoding="utf-8")


def not_text(folder: Path) -> None:
    (folder / "a.labels").write_bytes(b"\xff\xff\x80\n" * 40)


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (nan, "vectors_of"),
        (short, "vectors_damaged"),
        (narrow, "vectors_widths"),
        (cut, "vectors_damaged"),
        (objects, "vectors_objects"),
        (no_vectors, "vectors_no_array"),
        (nameless, "vectors_label"),
        (not_text, "vectors_encoding"),
        (unlabelled, "path_missing"),
        (empty, "vectors_none"),
    ],
)
def test_bad_parts_make_no_version(settings: Settings, folder: Path, break_it: object, code: str) -> None:
    assert callable(break_it)
    break_it(folder)
    with pytest.raises(WeftError) as caught:
        import_vectors(folder, settings)
    assert caught.value.code == code
    assert BankStore(settings).list() == []
    assert isinstance(str(caught.value), str)


def test_labels_as_editors_on_windows_write_them(settings: Settings, folder: Path) -> None:
    """GBK, carriage returns, and blank lines at the end."""
    lines = (folder / "a.labels").read_text("utf-8").splitlines()
    lines[0:8] = ["真丝"] * 8
    (folder / "a.labels").write_bytes(("\r\n".join(lines) + "\r\n\r\n").encode("gbk"))
    version = import_vectors(folder, settings)
    assert "真丝" in {entry.label for entry in BankStore(settings).manifest(version).classes}
