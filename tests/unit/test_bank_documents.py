"""Manifests, sample rows and reports are written byte for byte as they were read; keys of later versions stay."""

from __future__ import annotations

import json

import numpy as np
import pytest

from shared.bank.manifest import MANIFEST, Finding, Manifest, Origin, read_manifest
from shared.bank.samples import Sample
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.curation.check import check_bank
from shared.curation.clean import plan_cleaning
from shared.curation.compare import compare
from shared.curation.derive import Change, derive
from shared.curation.reports import CheckReport, CleaningPlan
from tests.banks import by_label, clustered, make_bank

#: As released: the order of keys, and what is left out where it does not apply.
WRITTEN = """{"version": "20270115-080000-3bfc96", "name": "", "created": 1800000000.25, "origin": "build",
"parent": null, "model": "made-up", "identity": "0123456789abcdef",
"encoder": {"model": "made-up", "identity": "0123456789abcdef",
"precision": "f32", "engine": "openvino", "dim": 32, "input_size": 224, "device": "CPU", "trained": true},
"counts": {"classes": 1, "samples": 2, "named": 1, "aside": 0, "skipped": 1, "duplicates": 0},
"classes": [{"label": "linen", "zh": "亚麻", "en": "linen", "aliases": ["flax"], "count": 2}],
"unused_classes": [{"label": "silk", "zh": "丝", "en": "silk", "aliases": []}],
"ranking": {"method": {"name": "samples", "k": 1, "centroid": 0.5, "beta": 0.0, "near": 0.0, "shrink": 0.0,
"text": 0.0}, "chosen": true, "calibration": {"*": {"temperature": 0.05, "calibrated": false}, "standard":
{"temperature": 0.04, "calibrated": true, "queries": 40, "risk": 0.1, "isotonic": {"x": [0.1, 0.9], "y": [0.2, 0.8]},
"foreign_found": 0.5, "foreign_by": "nearest", "foreign_below": 0.3, "unsure_below": 0.4,
"unsure_below_by_class": {"linen": 0.5}}}, "same_above": 0.99, "measured": {"queries": 40, "top1": 0.9, "top5": 1.0,
"calibration_error": 0.02, "coverage_at_risk": 1.0, "risk": 0.1, "answered": 0.9, "wrong_of_answered": 0.05,
"foreign_found": 0.5}, "names": {"slope": 1.5, "shift": -0.1}, "centroids": {"calibration": {"*": {"temperature": 0.05,
"calibrated": false}}, "names": {"slope": 1.0, "shift": 0.0}}},
"warnings": [{"code": "class_too_small", "class": "linen", "samples": ["a", "b"], "presets": ["precise"],
"named": true}],
"skipped": [{"name": "linen/bad.jpg", "code": "not_an_image", "detail": {"reason": "x"}}], "format": 1,
"files": {"vectors.npy": {"bytes": 256, "sha256": "00"}}, "digest": "11"}"""


def test_a_manifest_of_today_is_written_as_it_was_read() -> None:
    document = json.loads(WRITTEN)
    manifest = Manifest.from_json(document)
    assert json.dumps(manifest.to_json()) == json.dumps(document)
    assert manifest.origin is Origin.BUILD
    assert [entry.label for entry in manifest.ranked_classes] == ["linen", "silk"]
    assert manifest.ranking.calibration_for("realtime").temperature == 0.05


def test_keys_and_origins_of_a_later_version_are_kept() -> None:
    document = json.loads(WRITTEN) | {"origin": "merge", "weave": {"twill": 2}}
    document["classes"][0]["colour"] = "#fff"
    kept = Manifest.from_json(document).to_json()
    assert (kept["origin"], kept["weave"], kept["classes"][0]["colour"]) == ("merge", {"twill": 2}, "#fff")


def test_files_of_a_version_are_written_as_they_were_read(settings: Settings) -> None:
    measures = {"class-00[0]": {"side": 400, "sharpness": 300.0, "brightness": 120.0, "clipped": 0.01}}
    first = make_bank(settings, by_label(clustered(4, 6)), measures)
    store = BankStore(settings)
    version = derive(settings, first, Change(aside={store.samples(first)[1].id: "by_hand"}))
    folder = store.folder(version)
    manifest = read_manifest(folder)
    assert json.dumps(manifest.to_json(), ensure_ascii=False, indent=1).encode() == (folder / MANIFEST).read_bytes()
    for name in ("samples.jsonl", "aside.jsonl"):
        for line in (folder / name).read_text("utf-8").splitlines():
            assert json.dumps(Sample.from_json(json.loads(line)).to_json(), ensure_ascii=False) == line


def test_a_sample_row_keeps_keys_of_a_later_version() -> None:
    row = {"id": "a", "label": "linen", "name": "a.jpg", "sha256": "00", "thumb": True, "colour": "#fff"}
    sample = Sample.from_json(row)
    assert sample.to_json() == row
    assert sample.set_aside("dark").put_back() == sample
    with pytest.raises(ValueError, match="not a sample"):
        Sample.from_json({"label": "linen"})


def test_reports_and_plans_are_read_back_as_they_were_written(settings: Settings) -> None:
    arrays = by_label(clustered(6, 8, spread=0.5))
    arrays["class-00"] = np.concatenate([arrays["class-00"], arrays["class-00"][:1]])
    arrays["class-01"] = np.concatenate([arrays["class-01"], arrays["class-02"][:1]])
    version = make_bank(settings, arrays)
    report, plan = check_bank(settings), plan_cleaning(settings, keep=4)
    assert {"duplicate_within", "duplicate_across"} <= {warning.code for warning in report.warnings}
    assert {"across", "duplicate", "surplus"} <= set(plan.reasons)
    for made, form in ((report, CheckReport), (plan, CleaningPlan)):
        written = json.dumps(made.to_json())
        assert json.dumps(form.from_json(json.loads(written)).to_json()) == written
    made = derive(settings, version, Change(aside={row.id: row.reason for row in plan.aside}))
    found = compare(BankStore(settings), version, made)
    assert found.samples.set_aside == len(plan.aside)
    assert json.loads(json.dumps(found.to_json()))["changed"][0]["set_aside"][0]["reason"]


def test_a_finding_has_only_the_fields_of_its_code() -> None:
    assert Finding(code="dark", label="linen", samples=["a"]).to_json() == {
        "code": "dark", "class": "linen", "samples": ["a"]
    }  # fmt: skip
