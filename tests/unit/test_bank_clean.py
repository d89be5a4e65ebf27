"""Cleaning sets aside, never deletes; everything can be put back; the plan changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from shared.bank.store import BankStore
from shared.core.errors import InvalidRequest, NotFound
from shared.core.settings import Settings
from shared.curation.clean import apply_cleaning, plan_cleaning, representative
from shared.curation.derive import Change, NewSample, derive
from tests.banks import by_label, clustered, make_bank, names_of


def dirty(settings: Settings) -> str:
    """12 classes of 6; in `class-00` a copy, in `class-01` a photo of `class-02`, in `class-03` two dark ones."""
    arrays = by_label(clustered(each=6, spread=0.4))
    arrays["class-00"] = np.concatenate([arrays["class-00"], arrays["class-00"][:1]])
    arrays["class-01"] = np.concatenate([arrays["class-01"], arrays["class-02"][:1]])
    good = {"side": 400, "sharpness": 300.0, "brightness": 120.0, "clipped": 0.01}
    measures = {f"class-03[{n}]": good | {"brightness": 5.0 if n < 2 else 120.0} for n in range(6)}
    return make_bank(settings, arrays, measures)


def test_the_plan_names_every_reason_and_changes_nothing(settings: Settings) -> None:
    version = dirty(settings)
    names = names_of(settings, version)
    plan = plan_cleaning(settings, keep=8)
    told = {names[row.id]: row.reason for row in plan.aside}
    copies = {"class-00[0]", "class-00[6]"}
    assert len(copies & set(told)) == 1
    told = {name: reason for name, reason in told.items() if name not in copies}
    assert told == {
        "class-01[6]": "across",
        "class-02[0]": "across",
        "class-03[0]": "dark",
        "class-03[1]": "dark",
    }
    assert (plan.samples.before, plan.samples.after) == (74, 69)
    store = BankStore(settings)
    assert store.current() == version
    assert len(store.list()) == 1


def test_the_same_photos_are_asked_before_and_after(settings: Settings) -> None:
    dirty(settings)
    figures = plan_cleaning(settings, keep=3).leave_one_out
    assert figures.before.queries == figures.after.queries == 71


def test_what_was_set_aside_can_be_put_back(settings: Settings) -> None:
    version = dirty(settings)
    store = BankStore(settings)
    made = apply_cleaning(settings, plan_cleaning(settings, keep=4))
    assert {row.reason for row in store.aside(made)} == {"across", "duplicate", "dark", "surplus"}
    assert max(entry.count for entry in store.manifest(made).classes) == 4
    assert len(store.samples(made)) + len(store.aside(made)) == 74
    back = derive(settings, made, Change(restore=[row.id for row in store.aside(made)]))
    before, after = store.load(version), store.load(back)
    assert store.samples(back) == store.samples(version)
    np.testing.assert_array_equal(after.vectors, before.vectors)
    assert store.aside(back) == []
    assert store.current() == version


def test_a_class_that_loses_all_samples_keeps_its_name_and_comes_back(settings: Settings) -> None:
    version = dirty(settings)
    store = BankStore(settings)
    gone = {row.id: "across" for row in store.samples(version) if row.label == "class-05"}
    without = derive(settings, version, Change(aside=gone))
    assert "class-05" not in [entry.label for entry in store.manifest(without).classes]
    again = derive(settings, without, Change(restore=list(gone)))
    assert [entry.count for entry in store.manifest(again).classes if entry.label == "class-05"] == [6]


def test_a_corrected_photo_becomes_a_sample_once(settings: Settings) -> None:
    version = dirty(settings)
    store = BankStore(settings)
    sample = NewSample("class-04", "corrected.jpg", "ab" * 32, clustered()[4, 0] * 3, jpeg=b"\xff\xd8picture")
    made = derive(settings, version, Change(add=[sample, sample]))
    (row,) = [row for row in store.samples(made) if row.name == "corrected.jpg"]
    assert store.sample_picture(made, row.id) == b"\xff\xd8picture"
    assert store.manifest(made).counts.samples == 75
    vector = store.load(made).vectors[store.samples(made).index(row)]
    assert np.linalg.norm(vector.astype(np.float32)) == pytest.approx(1, abs=1e-3)


def test_unknown_samples_and_vectors_of_another_size_are_refused(settings: Settings) -> None:
    version = dirty(settings)
    with pytest.raises(NotFound):
        derive(settings, version, Change(aside={"0" * 16: "dark"}))
    with pytest.raises(NotFound):
        derive(settings, version, Change(restore=["0" * 16]))
    with pytest.raises(InvalidRequest):
        derive(settings, version, Change(add=[NewSample("class-01", "x", "cd" * 32, np.ones(7))]))
    with pytest.raises(InvalidRequest, match="differ only in case"):
        derive(settings, version, Change(add=[NewSample("CLASS-01", "x", "cd" * 32, np.ones(32))]))
    assert len(BankStore(settings).list()) == 1


def test_representatives_cover_every_look_of_a_class() -> None:
    looks = clustered(4, 1, seed=3)[:, 0]
    rows = np.concatenate([np.repeat(looks[:1], 20, axis=0), looks[1:]])
    rows = rows + 0.01 * np.random.default_rng(0).normal(size=rows.shape)
    chosen = representative(rows.astype(np.float32), 4)
    assert {0 if row < 20 else row for row in chosen.tolist()} == {0, 20, 21, 22}
