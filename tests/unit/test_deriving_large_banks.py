"""Versions derived from a bank: what the change says happens, to the last byte, and a large bank fits in the memory."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shared.bank.sample_rows import INDEX
from shared.bank.samples import Sample
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.curation import derive as module
from shared.curation import derived_rows, row_files
from shared.curation.compare import compare
from shared.curation.derive import Change, NewSample, derive
from shared.curation.edits import merging
from shared.curation.folder import Names
from shared.curation.writer import Draft, sample_id, seal
from tests.banks import INFO, by_label, clustered, make_bank

pytestmark = pytest.mark.slow

#: Megabytes that a change may add to the memory at a bank of 200,000 samples: 8 to 10 were measured, and 216 when
#: every sample was held.
_MOST = 40
_DERIVE = """
import re, sys
from pathlib import Path
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.curation import edits
from shared.curation.compare import compare
from shared.curation.derive import Change, derive
from shared.encoder import describe
import shared.ranking.fitting.fit

def peak():
    # Not getrusage, whose figure begins with that of the process that started this one.
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

settings = Settings(data_dir=Path(sys.argv[1]), engine="null")
describe(settings)
store = BankStore(settings)
version = store.current()
before = peak()
if sys.argv[2] == "aside":
    made = derive(settings, version, Change(aside={f"{7:016x}": "by_hand"}))
    assert compare(store, version, made).samples.set_aside == 1
elif sys.argv[2] == "rename":
    edit = edits.naming(store.manifest(version), "class-0500", edits.ClassWish(zh="牛仔"))
    derive(settings, version, Change(classes=edit.classes))
else:
    edit = edits.merging(store, version, "class-0001", "class-0998")
    derive(settings, version, Change(classes=edit.classes, move=edit.move, remove=edit.remove))
print((peak() - before) // 1024)
"""
_MAKE = """
import sys
from pathlib import Path
from shared.core.settings import Settings
from tests.banks import make_large_bank

make_large_bank(Settings(data_dir=Path(sys.argv[1]), engine="null"), classes=1000, each=200, dim=16)
"""


Rows = list[tuple[Sample, bytes]]


def rows_of(store: BankStore, version: str) -> Rows:
    bank, samples = store.load(version), store.samples(version)
    assert [row.id.encode() for row in samples] == bank.ids.tolist()
    assert [row.label for row in samples] == np.repeat(bank.labels, bank.counts).tolist()
    return [(row, bank.vectors[at].tobytes()) for at, row in enumerate(samples)]


def aside_of(store: BankStore, version: str) -> Rows:
    vectors = store.load(version).aside_vectors(store.folder(version))
    return [(row, vectors[at].tobytes()) for at, row in enumerate(store.aside(version))]


def plainly(rows: Rows, aside: Rows, change: Change) -> tuple[Rows, Rows]:
    """What the change makes of all samples, held in two lists."""

    def after(row: Sample) -> Sample:
        label = change.move.get(row.id, row.label)
        if label == row.label:
            return row
        return Sample(sample_id(label, row.sha256), label, row.name, row.sha256, row.thumb, row.measures, row.reason)

    kept: Rows = []
    gone: Rows = []
    for row, vector in rows:
        reason = change.aside.get(row.id) or ("class_removed" if after(row).label in change.remove else None)
        (gone if reason else kept).append((after(row).set_aside(reason) if reason else after(row), vector))
    kept += [(row.put_back(), vector) for row, vector in aside if row.id in change.restore]
    still = [(after(row), vector) for row, vector in aside if row.id not in change.restore]
    for one in change.add:
        sample = Sample(sample_id(one.label, one.sha256), one.label, one.name, one.sha256)
        kept.append((sample, np.asarray(one.vector, np.float16).tobytes()))
    return sorted(kept, key=lambda pair: (pair[0].label, pair[0].id)), still + gone


def changes(rows: Rows, aside: Rows, rng: random.Random, step: int) -> Change:
    """Each kind of change in turn, of samples and classes that are drawn."""
    drawn = [row for row, _ in rng.sample(rows, 5)]
    one, other = rng.sample(sorted({row.label for row, _ in rows}), 2)
    vector = np.zeros(32)
    vector[step] = 1
    kinds = [
        Change(aside={row.id: "by_hand" for row in drawn}),
        Change(move={row.id: one for row in drawn}),
        Change(move={row.id: other for row, _ in rows if row.label == one}, remove=[one]),
        Change(aside={drawn[0].id: "dark"}, move={drawn[1].id: "one more"}, remove=[other]),
        Change(
            restore=[row.id for row, _ in aside[:4]],
            move={row.id: one for row, _ in aside[4:6]},
            add=[NewSample(label, "new.jpg", f"{step:064x}", vector) for label in sorted({one, "another"})],
        ),
    ]
    return kinds[step % len(kinds)]


@pytest.mark.parametrize("large", [False, True])
def test_what_is_read_a_class_at_a_time_is_what_all_samples_give(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    for place, name, value in ((row_files, "_ROWS", 5), (row_files, "_BYTES", 300), (derived_rows, "_IDS", 7)):
        monkeypatch.setattr(place, name, value)
    monkeypatch.setattr(derived_rows, "_ASIDE", 3)
    if large:
        monkeypatch.setattr(module, "LARGE", 10)
        monkeypatch.setattr("shared.ranking.fitting.fit.LARGE", 10)
    store, rng = BankStore(settings), random.Random(5)
    version = make_bank(settings, by_label(clustered(classes=14, spread=0.4)))
    for step in range(10):
        rows, aside = rows_of(store, version), aside_of(store, version)
        change = changes(rows, aside, rng, step)
        expected, expected_aside = plainly(rows, aside, change)
        made = derive(settings, version, change)
        store.verify(made)
        assert rows_of(store, made) == expected
        assert aside_of(store, made) == expected_aside
        assert (INDEX in store.manifest(made).files) is large
        vectors = np.frombuffer(b"".join(vector for _, vector in expected), np.float16).reshape(-1, 32)
        again = settings.data_dir / "again.npy"
        np.save(again, vectors, allow_pickle=False)
        assert (store.folder(made) / "vectors.npy").read_bytes() == again.read_bytes()
        version = made


def test_a_photo_that_is_in_both_classes_is_kept_once(settings: Settings) -> None:
    version = make_bank(settings, by_label(clustered(classes=4)))
    store = BankStore(settings)
    row = store.samples(version)[0]
    twin = NewSample("class-02", row.name, row.sha256, clustered()[2, 0])
    both = derive(settings, version, Change(add=[twin]))
    made = derive(settings, both, Change(move={row.id: "class-02"}))
    assert [one.label for one in store.samples(made) if one.sha256 == row.sha256] == ["class-02"]
    assert store.manifest(made).counts.duplicates == 1
    # The photo is not added again, neither as a sample nor after it was set aside.
    again = derive(settings, made, Change(add=[twin]))
    aside = derive(settings, made, Change(aside={sample_id("class-02", row.sha256): "by_hand"}))
    for one in (again, derive(settings, aside, Change(add=[twin]))):
        assert store.manifest(one).counts.duplicates == 1


def test_a_bank_of_names_alone_gets_its_first_sample(settings: Settings) -> None:
    store = BankStore(settings)
    texts = clustered(classes=2, each=1)[:, 0]
    with store.new_folder() as folder:
        classes = [Names().of(label) for label in ("denim", "satin")]
        draft = Draft(encoder=INFO, classes=classes, samples=[], vectors=np.empty((0, 32), np.float16), texts=texts)
        version = seal(store, folder, draft)
    made = derive(settings, version, Change(add=[NewSample("satin", "new.jpg", "ab" * 32, texts[1])]))
    assert [(entry.label, entry.count) for entry in store.manifest(made).classes] == [("satin", 1)]
    assert [entry.label for entry in store.manifest(made).unused_classes] == ["denim"]
    store.verify(made)


def test_a_comparison_names_what_came_and_went(settings: Settings) -> None:
    version = make_bank(settings, by_label(clustered(classes=5)))
    store = BankStore(settings)
    edit = merging(store, version, "class-01", "class-03")
    first = store.samples(version)[0].id
    change = Change(classes=edit.classes, move=edit.move, remove=edit.remove, aside={first: "by_hand"})
    made = derive(settings, version, change)
    found = compare(store, version, made)
    assert (found.samples.added, found.samples.removed, found.samples.set_aside) == (6, 6, 1)
    assert [(row.label, row.before, row.after) for row in found.changed] == [
        ("class-00", 6, 5),
        ("class-01", 6, 0),
        ("class-03", 6, 12),
    ]
    assert [row.reason for row in found.changed[0].set_aside] == ["by_hand"]
    back = compare(store, made, derive(settings, made, Change(restore=[first])))
    assert [row.id for row in back.changed[0].put_back] == [first]


@pytest.fixture(scope="module")
def large_bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("large")
    subprocess.run([sys.executable, "-c", _MAKE, str(data)], check=True)
    return data


@pytest.mark.parametrize("what", ["aside", "rename", "merge"])
def test_a_change_of_a_large_bank_holds_a_class_of_it(large_bank: Path, what: str) -> None:
    child = [sys.executable, "-c", _DERIVE, str(large_bank), what]
    grown = int(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
    assert grown < _MOST
