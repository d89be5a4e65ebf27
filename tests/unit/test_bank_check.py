"""`check_bank` finds the faults that were put into a bank, and only those."""

from __future__ import annotations

import hashlib
import json
import shlex

import numpy as np
import pytest

from scripts.cli import main as cli
from scripts.cli import output
from shared.bank.manifest import MANIFEST, canonical, read_manifest
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.curation.check import check_bank
from shared.curation.derive import Change, derive
from shared.curation.reports import CheckReport, ClassFigures, advice
from shared.curation.saved_checks import saved_check
from shared.curation.sizes import unranked
from tests.banks import INFO, by_label, clustered, make_bank, names_of

GOOD = {"side": 400, "sharpness": 300.0, "brightness": 120.0, "clipped": 0.01}


def samples_of(report: CheckReport, code: str, names: dict[str, str]) -> set[str]:
    return {names[i] for warning in report.warnings if warning.code == code for i in warning.samples}


def test_a_healthy_bank_ranks_its_own_photos_and_warns_of_nothing(settings: Settings) -> None:
    version = make_bank(settings, by_label(clustered(spread=0.1)))
    report = check_bank(settings)
    figures = report.leave_one_out
    assert (report.classes, report.vectors, report.dimensions) == (12, 72, 32)
    assert report.bytes == 72 * 32 * 2
    assert figures.queries == 72
    assert figures.top1 == figures.top5 == 1
    assert all(row == ClassFigures(queries=6, top1=1, top5=1) for row in figures.per_class.values())
    assert report.duplicates.within == report.duplicates.across == 0
    assert not [w for w in report.warnings if w.code not in ("outlier",)]
    assert saved_check(BankStore(settings), version) == report


def test_duplicates_within_and_across_classes_are_told_apart_and_do_not_flatter(settings: Settings) -> None:
    rng = np.random.default_rng(1)
    # Vectors without any structure: whoever ranks them right has seen a copy.
    arrays = {f"class-{c}": rng.normal(size=(4, 32)).astype(np.float32) for c in range(10)}
    arrays = {label: rows / np.linalg.norm(rows, axis=1, keepdims=True) for label, rows in arrays.items()}
    doubled = {label: np.concatenate([rows, rows]) for label, rows in arrays.items()}
    doubled["class-1"][3] = doubled["class-0"][0]
    version = make_bank(settings, doubled)
    report = check_bank(settings, version)
    found = report.duplicates
    assert found.across == 3
    assert found.photos_across == 1
    # Of 40 photos, one is no longer there twice in its own class, and one sits in two classes.
    assert found.within == report.leave_one_out.queries == 39
    assert report.leave_one_out.top1 < 0.4
    crossing = [group for group in found.groups if len(group.classes) > 1]
    assert [group.classes for group in crossing] == [["class-0", "class-1"]]
    assert all(group.exact for group in found.groups)


def test_near_copies_are_duplicates_but_not_exact(settings: Settings) -> None:
    arrays = by_label(clustered(spread=1.0))
    near = arrays["class-00"][0] + np.float32(0.01) * arrays["class-05"][0]
    arrays["class-00"][1] = near / np.linalg.norm(near)
    version = make_bank(settings, arrays)
    (group,) = check_bank(settings, version).duplicates.groups
    assert {names_of(settings, version)[i] for i in group.samples} == {"class-00[0]", "class-00[1]"}
    assert not group.exact


def test_a_sample_filed_wrongly_is_suspect_and_says_what_it_looks_like(settings: Settings) -> None:
    arrays = by_label(clustered(spread=0.3))
    arrays["class-03"][2], arrays["class-08"][4] = arrays["class-08"][4].copy(), arrays["class-03"][2].copy()
    version = make_bank(settings, arrays)
    names = names_of(settings, version)
    report = check_bank(settings, version)
    told = {names[row.sample]: row.looks_like for row in report.suspects}
    assert told == {"class-03[2]": "class-08", "class-08[4]": "class-03"}


def test_a_suspect_can_be_moved_by_the_command_that_is_told(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = by_label(clustered(spread=0.3))
    arrays["class-03"][2] = clustered(spread=0.3, each=7)[8, 6]
    version = make_bank(settings, arrays)
    data = ["--data-dir", str(settings.data_dir)]
    assert cli.run(["bank", "check", *data]) == output.OK
    told = [line for line in capsys.readouterr().out.splitlines() if "weft bank class move" in line]
    assert len(told) == 1
    words = shlex.split(told[0].partition("weft ")[2])
    assert words[:3] == ["bank", "class", "move"]
    moved = next(row for row in BankStore(settings).samples(version) if row.id == words[3])
    assert cli.run([*words, *data, "--json"]) == output.OK
    draft = json.loads(capsys.readouterr().out)["version"]
    assert words[4:] == [
        "--to",
        next(row.label for row in BankStore(settings).samples(draft) if row.name == moved.name),
    ]


def test_poor_photos_are_named_by_what_is_wrong(settings: Settings) -> None:
    arrays = by_label(clustered(4, 5))
    measures = {f"{label}[{n}]": dict(GOOD) for label in arrays for n in range(5)}
    measures["class-00[0]"] |= {"sharpness": 2.0}
    measures["class-00[1]"] |= {"brightness": 12.0}
    measures["class-01[0]"] |= {"clipped": 0.8}
    measures["class-02[3]"] |= {"side": 40}
    version = make_bank(settings, arrays, measures)
    names, report = names_of(settings, version), check_bank(settings, version)
    poor = {code: samples_of(report, code, names) for code in ("blurred", "dark", "overexposed", "tiny")}
    assert poor == {
        "blurred": {"class-00[0]"},
        "dark": {"class-00[1]"},
        "overexposed": {"class-01[0]"},
        "tiny": {"class-02[3]"},
    }


def test_classes_that_presets_will_not_rank_are_named(settings: Settings) -> None:
    arrays = by_label(clustered(6, 6))
    arrays["class-02"] = arrays["class-02"][:2]
    arrays["class-04"] = arrays["class-04"][:1]
    make_bank(settings, arrays)
    report = check_bank(settings)
    small = {w.label: w.presets for w in report.warnings if w.code.startswith("class_")}
    assert small == {
        "class-02": ["precise", "realtime", "standard"],
        "class-04": ["development", "precise", "realtime", "standard"],
    }
    assert report.samples_per_class.unranked["standard"] == 2
    said = {unranked(w) for w in report.warnings if w.label == "class-02"}
    assert "not ranked with precise, realtime, standard" in said


def test_two_classes_of_the_same_cloth_are_confusable(settings: Settings) -> None:
    one = clustered(1, 16, spread=0.4, seed=99)[0]
    arrays = by_label(clustered(8, 8, spread=0.4)) | {"class-00": one[::2], "class-01": one[1::2]}
    make_bank(settings, arrays)
    pairs = [row.classes for row in check_bank(settings).confusable]
    assert pairs == [["class-00", "class-01"]]


@pytest.mark.parametrize(("vectors", "words"), [(20_000, "every sample"), (20_001, "most similar classes")])
def test_advice_follows_what_ranking_does(vectors: int, words: str) -> None:
    assert words in advice(vectors)


def test_a_bank_of_before_the_colour_conversion_is_told_apart_and_works(settings: Settings) -> None:
    version = make_bank(settings, by_label(clustered(4, 6)))
    store = BankStore(settings)
    assert read_manifest(store.folder(version)).colour == 2
    assert check_bank(settings).colours_converted
    path = store.folder(version) / MANIFEST
    document = {key: value for key, value in json.loads(path.read_text()).items() if key not in ("colour", "digest")}
    document["digest"] = hashlib.sha256(canonical(document)).hexdigest()
    path.write_text(json.dumps(document))
    assert store.load(version).labels
    assert not check_bank(settings, version).colours_converted
    # Samples that are added to it do not change what the others are.
    made = derive(settings, version, Change(aside={store.samples(version)[0].id: "by_hand"}))
    assert read_manifest(store.folder(made)).colour == 1


def test_the_embedding_cache_keeps_both_treatments_of_colour_apart() -> None:
    assert INFO.cache_digest.endswith("-f32-c2")
