"""Where a photo's class is unsure, but not the group of classes that it belongs to, the answer is the group."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from scripts.cli.bank_words import promise_words
from shared.bank.manifest import ClassEntry, Parent
from shared.bank.store import BankStore
from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.curation.derive import Change, derive
from shared.curation.edits import ClassWish, naming
from shared.curation.folder import Names, read_classes, read_names
from shared.jobs.fields import PARENT
from shared.pipeline.judging import judged
from shared.ranking.fitting.cross_fit import CrossFitResult
from shared.ranking.fitting.parent_outcomes import ParentOutcomes
from shared.ranking.fitting.risk import CERTAINTY
from shared.ranking.model import Ranking, Verdict
from shared.ranking.parents import best_parent, parents_of
from shared.ranking.ranker import rank
from tests.banks import DIM, make_bank
from web.app import create_app
from web.bank_labels import promise as page_promise

GROUPS, EACH, PHOTOS = 6, 3, 10
NAMES = {"chiffon": "雪纺"}


def twins(seed: int = 7, photos: int = PHOTOS) -> npt.NDArray[np.float32]:
    """[GROUPS × EACH, photos, DIM]: classes of one group lie so close that no photo tells them apart."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(GROUPS, 1, 1, DIM)) + 0.02 * rng.normal(size=(1, EACH, 1, DIM))
    rows = (centres + 0.2 * rng.normal(size=(GROUPS, EACH, photos, DIM))).reshape(GROUPS * EACH, photos, DIM)
    return (rows / np.linalg.norm(rows, axis=2, keepdims=True)).astype(np.float32)


def labels() -> list[str]:
    groups = ["chiffon", *(f"group-{number}" for number in range(1, GROUPS))]
    return [f"{group}-{place}" for group in groups for place in "abc"]


def bank_with_parents(settings: Settings) -> str:
    given: dict[str, str | dict[str, str]] = {label: {"parent": label[:-2]} for label in labels()} | NAMES
    return make_bank(settings, dict(zip(labels(), twins(), strict=True)), names=Names(labels=given))


def test_the_parent_is_the_answer_where_the_class_is_unsure(settings: Settings) -> None:
    bank = BankStore(settings).load(bank_with_parents(settings))
    fit = bank.manifest.ranking.calibration["standard"]
    assert fit.parents is not None
    assert bank.manifest.ranking.promise_for("standard").parents == fit.parents.coverage > 0.5
    photos = twins(seed=8, photos=4)
    answers = rank(bank, photos.reshape(-1, DIM), "standard")
    truth = [label for label in labels() for _ in range(4)]
    unsure = [(one, label) for one, label in zip(answers, truth, strict=True) if one.verdict is Verdict.UNSURE]
    assert len(unsure) > len(answers) / 2
    told = [(one.parent.label, label) for one, label in unsure if one.parent]
    assert len(told) > len(unsure) / 2
    assert np.mean([label.startswith(parent) for parent, label in told]) >= 0.9
    assert all(one.parent is None for one in answers if one.verdict is not Verdict.UNSURE)


def test_what_is_promised_of_parents_is_said(settings: Settings) -> None:
    """Also where nothing can be promised of classes."""
    promise = BankStore(settings).manifest(bank_with_parents(settings)).ranking.promise_for("standard")
    assert promise.parents is not None
    assert "get the parent of their class instead, at most 10% of them wrongly, with 90% certainty" in promise_words(
        promise
    )
    with create_app(settings).test_request_context("/?lang=zh"):
        assert "的照片只给出大类，其中最多 10% 是错的，有 90% 的把握。" in page_promise(promise)


def test_a_bank_without_parents_answers_as_before(settings: Settings) -> None:
    with_parents = BankStore(settings).load(bank_with_parents(settings))
    without = BankStore(settings).load(make_bank(settings, dict(zip(labels(), twins(), strict=True))))
    assert "parents" not in without.manifest.ranking.calibration["standard"].to_json()
    assert all("parent" not in entry.to_json() for entry in without.manifest.classes)
    photos = twins(seed=9, photos=2).reshape(-1, DIM)
    for mine, other in zip(rank(with_parents, photos, "standard"), rank(without, photos, "standard"), strict=True):
        assert (mine.verdict, mine.label, mine.confidence) == (other.verdict, other.label, other.confidence)
        assert other.parent is None


def test_the_risk_of_parents_is_kept_in_nine_of_ten_banks() -> None:
    """Class and parent are wrong the more often the less likely they are; of 300 draws few break the promise."""
    broken = promised = 0
    for seed in range(300):
        crossed, wrong = _made_up(seed, 300)
        limit = crossed.threshold().confidence
        needed = np.full(300, limit)
        found = crossed.parent_threshold(needed)
        if not found.certainty:
            continue
        promised += 1
        broken += wrong(limit, found.confidence) > 0.1
    assert promised > 150
    assert broken <= (1 - CERTAINTY) * 300


def _made_up(seed: int, count: int):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)

    def draw(count: int):  # type: ignore[no-untyped-def]
        confidence = rng.random(count)
        share = confidence + (1 - confidence) * rng.random(count)
        parent = rng.random(count) >= 0.3 * (1 - share)
        return confidence, share, parent, parent & (rng.random(count) < 0.2 + 0.8 * confidence)

    confidence, share, parent, right = draw(count)
    none, all_ = np.zeros(count, bool), np.ones(count, bool)
    crossed = CrossFitResult(
        truth=np.zeros(count, np.int64),
        label=np.where(right, 0, 1),
        rank=np.where(right, 0, 1),
        confidence=confidence,
        answered=none,
        foreign=none,
        counted=all_,
        foreign_found=0.0,
        methods=[],
        parents=ParentOutcomes(np.where(parent, 0, 1), np.zeros(count, np.int64), share, none),
    )

    def wrong(unsure_below: float, answer_from: float) -> float:
        confidence, share, parent, _ = draw(100_000)
        given = (confidence < unsure_below) & (share >= answer_from)
        return float((~parent[given]).mean())

    return crossed, wrong


def test_probabilities_of_a_parent_are_summed() -> None:
    shares = np.array([[0.4, 0.3, 0.3], [0.5, 0.3, 0.2], [0.6, 0.3, 0.1]], np.float32)
    parents = np.array([[-1, 1, 1], [0, -1, -1], [-1, -1, -1]])
    found, share = best_parent(shares, parents)
    assert found.tolist() == [1, 0, -1]
    assert share.tolist() == pytest.approx([0.6, 0.5, 0])


def test_the_only_class_of_a_parent_says_no_more_than_itself() -> None:
    alone = ClassEntry(label="voile", parent=Parent(label="sheer"))
    two = [ClassEntry(label=label, parent=Parent(label="chiffon", zh="雪纺")) for label in ("crinkle", "pearl")]
    numbers, parents = parents_of([*two, alone, ClassEntry(label="denim")])
    assert numbers.tolist() == [0, 0, -1, -1]
    assert [parent.label for parent in parents] == ["chiffon"]


def test_a_poor_photo_has_no_parent_either(settings: Settings) -> None:
    bank = BankStore(settings).load(bank_with_parents(settings))
    answers = rank(bank, twins(seed=8, photos=4).reshape(-1, DIM), "standard")
    sure = next(one for one in answers if one.parent is not None)
    assert sure.parent is not None
    _, extra = judged(sure, {}, None)
    assert extra[PARENT.key] == list(sure.parent)
    said = PARENT.value({"extra": extra}, "zh")
    assert said == {
        "label": sure.parent.label,
        "name": NAMES.get(sure.parent.label, sure.parent.label),
        "confidence": sure.parent.confidence,
    }
    poor, extra = judged(sure, {"quality/1": {"light": 1.0}}, None)
    assert isinstance(poor, Ranking)
    assert (poor.parent, PARENT.key in extra) == (None, False)


def test_folders_of_folders_are_parents_when_asked_for(tmp_path: Path) -> None:
    for name in ("chiffon/crinkle", "chiffon/pearl/front", "denim"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "1.jpg").write_bytes(b"x")
    names = {"chiffon": {"zh": "雪纺", "en": "Chiffon"}, "denim": {"zh": "牛仔布", "parent": "cotton"}}
    (tmp_path / "labels.json").write_text(json.dumps(names), "utf-8")
    found, given = read_classes(tmp_path, parents=True), read_names(tmp_path)
    entries = {one.label: given.of(one.label, one.parent) for one in found}
    assert list(entries) == ["crinkle", "denim", "pearl"]
    assert entries["pearl"].parent == Parent(label="chiffon", zh="雪纺", en="Chiffon")
    assert entries["denim"].parent == Parent(label="cotton", zh="cotton", en="cotton")
    assert [(one.label, one.parent) for one in read_classes(tmp_path)] == [("chiffon", ""), ("denim", "")]


def test_parents_stay_when_a_bank_is_edited(settings: Settings) -> None:
    version = bank_with_parents(settings)
    manifest = BankStore(settings).manifest(version)
    edit = naming(manifest, "chiffon-a", ClassWish(en="Crinkle chiffon"))
    other = derive(settings, version, Change(classes=edit.classes))
    after = BankStore(settings).manifest(other)
    assert after.parents == manifest.parents
    assert after.parents["chiffon-a"].zh == "雪纺"


def test_a_group_is_given_and_taken_away_by_name(settings: Settings) -> None:
    manifest = BankStore(settings).manifest(bank_with_parents(settings))
    moved = naming(manifest, "group-1-a", ClassWish(parent="雪纺")).classes[0]
    assert moved.parent == manifest.parents["chiffon-a"]
    made = naming(manifest, "group-1-a", ClassWish(parent="New group")).classes[0]
    assert made.parent == Parent(label="New group", zh="New group", en="New group")
    assert naming(manifest, "group-1-a", ClassWish(parent="")).classes[0].parent is None
    with pytest.raises(InvalidRequest):
        naming(manifest, "group-1-a", ClassWish(parent="x" * 151))


def test_a_class_cannot_be_the_parent_of_others(settings: Settings) -> None:
    names = Names(labels={"b": {"parent": "A"}, "c": {"parent": "A"}})
    arrays = dict(zip("abc", twins()[:3], strict=True))
    with pytest.raises(InvalidRequest) as refused:
        make_bank(settings, arrays, names=names)
    assert refused.value.code == "parent_is_class"
