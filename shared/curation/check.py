"""`weft bank check`: what a bank is made of, what is wrong with it, and how well it ranks its own photos."""

from __future__ import annotations

from typing import Any

import numpy as np

from shared.bank.bank import Bank
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.curation.findings import confusable, duplicates, outliers, poor_photos, suspects
from shared.curation.saved_checks import SCHEMA, save_check
from shared.curation.sizes import size_warnings
from shared.curation.writer import Progress, silent
from shared.ranking.fitting.baseline import baseline_ranks
from shared.ranking.fitting.cross_fit import CrossFitResult, cross_fit
from shared.ranking.fitting.fit import MIN_QUERIES_TO_FIT, sample_for_evaluation
from shared.ranking.fitting.leave_out import LeaveOneOut
from shared.ranking.methods import Ints, Method
from shared.ranking.model import PRESETS

#: Samples a class that a bank should have.
AIM = (5, 8)
#: Vectors from which an index of FAISS serves, and from which one with quantisation does.
FAISS_FROM, QUANTISE_FROM = 10_000, 50_000
#: Rows up to which leave-one-out takes a judged photo out of the bank while the ranking is chosen.
NESTED_ROWS = 1_000
#: Rows that the plain rule is asked at the most.
_ALL_ROWS = 3_000
#: The preset whose answers are judged.
PRESET = PRESETS["standard"]


def check_bank(settings: Settings, version: str | None = None, progress: Progress = silent) -> dict[str, Any]:
    """Examines a version (None: the one in force), keeps the report for `saved_check` and returns it.

    Raises NotFound, BankError("no_bank"), BankError("bank_damaged").
    """
    store = BankStore(settings)
    bank = store.load(version)
    report = examine(bank, store.samples(bank.version), progress)
    report["current"] = bank.version == store.current()
    save_check(store, report)
    return report


def examine(bank: Bank, rows: list[dict[str, Any]], progress: Progress = silent) -> dict[str, Any]:
    """The report of a bank and its sample rows (in the order of the vectors)."""
    manifest, counts = bank.manifest, bank.counts
    owner = np.repeat(np.arange(len(bank.labels)), counts)
    picked = sample_for_evaluation(owner)
    present, sampled = np.unique(owner[picked], return_inverse=True)
    labels = tuple(bank.labels[index] for index in present)
    loo = LeaveOneOut.of(
        bank.vectors[picked], sampled.astype(np.int64), None if bank.texts is None else bank.texts[present]
    )
    judged_rows = [rows[index] for index in picked]
    repeated = duplicates(loo.groups, loo.vectors, labels, loo.owner, judged_rows)
    warnings = size_warnings(bank.classes, counts, rows, named=bank.texts is not None)
    warnings += _duplicate_warnings(repeated, {row["id"]: row["label"] for row in judged_rows})
    for code, ids in poor_photos(rows, int(manifest["encoder"]["input_size"])).items():
        warnings += _by_class(code, ids, rows)
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "version": bank.version,
        "name": manifest["name"],
        "model": manifest["model"],
        "trained": bool(manifest["encoder"]["trained"]),
        "preset": PRESET.name,
        "classes": len(bank.labels),
        "vectors": len(bank.vectors),
        "dimensions": bank.dim,
        "bytes": int(bank.vectors.nbytes),
        "memory_bytes": int(bank.vectors.size) * 4,
        "advice": advice(len(bank.vectors)),
        "index": "exact" if len(bank.vectors) < FAISS_FROM else "flat" if len(bank.vectors) <= QUANTISE_FROM else "pq",
        "samples_per_class": _sizes(counts),
        "duplicates": _duplicate_counts(repeated, manifest["counts"]),
        "method": manifest["ranking"]["method"],
        "leave_one_out": None,
        "suspects": [],
        "confusable": [],
    }
    if bank.meaningful and len(loo.truth):
        report["leave_one_out"] = leave_one_out(loo, labels, progress)
        warnings += _look_closer(report, loo, labels, judged_rows, Method.of(manifest["ranking"]["method"]), manifest)
    report["warnings"] = warnings
    return report


def advice(vectors: int) -> str:
    """Which index a bank of so many vectors wants, in a sentence."""
    if vectors < FAISS_FROM:
        return "NumPy compares with every sample; no index is needed."
    if vectors <= QUANTISE_FROM:
        return "FAISS (exact) is recommended for this size; NumPy is used without it."
    return "FAISS with quantisation (IVF, PQ) and exact re-ranking is used; consider `weft bank clean --keep 8`."


def leave_one_out(loo: LeaveOneOut, labels: tuple[str, ...], progress: Progress = silent) -> dict[str, Any]:
    """Figures on the photos that sit in one class: ranking chosen, calibrated and judged on different photos.

    `plain`: the rule without choice or calibration on the same queries; `all_rows`: that rule asked every sample, also
    those filed under several classes, which cannot be right.
    """
    document: dict[str, Any] = {"queries": len(loo.truth), "with_classmate": int(loo.answerable.sum())}
    if int(loo.answerable.sum()) >= MIN_QUERIES_TO_FIT:
        nested = len(loo.owner) <= NESTED_ROWS

        def show(done: int, total: int) -> None:
            progress("judging", done, total)

        cross_fitted = cross_fit(loo, PRESET, nested=nested, progress=show)
        figures = cross_fitted.document()
        document |= figures | {"nested": nested, "methods": sorted({m.name for m in cross_fitted.methods})}
        document["per_class"] = _per_class(cross_fitted, labels)
    else:
        ranks = baseline_ranks(loo, loo.asked, loo.truth, loo.photo)
        document |= {"top1": _share(ranks < 1), "top5": _share(ranks < 5), "nested": False, "methods": ["plain"]}
        document["per_class"] = _class_figures(loo.truth, ranks, labels)
    plain = baseline_ranks(loo, loo.asked, loo.truth, loo.photo)
    document["plain"] = {"top1": _share(plain < 1), "top5": _share(plain < 5)}
    rows = np.arange(len(loo.owner))[:: -(-len(loo.owner) // _ALL_ROWS)]
    every = baseline_ranks(loo, loo.vectors[rows], loo.owner[rows], loo.groups.of[rows])
    filed_twice = int(loo.groups.across[loo.groups.of].sum())
    document["all_rows"] = {
        "queries": len(rows),
        "top1": _share(every < 1),
        "top5": _share(every < 5),
        "in_several_classes": filed_twice,
    }
    return document


def _share(hits: Any) -> float:
    return round(float(np.mean(hits)), 4) if len(hits) else 0.0


def _per_class(cross_fitted: CrossFitResult, labels: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    return _class_figures(cross_fitted.truth, cross_fitted.rank, labels)


def _class_figures(truth: Ints, rank: Ints, labels: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    figures = {}
    for index, label in enumerate(labels):
        own = rank[truth == index]
        figures[label] = {"queries": len(own), "top1": _share(own < 1), "top5": _share(own < 5)}
    return figures


def _sizes(counts: Ints) -> dict[str, Any]:
    return {
        "least": int(counts.min()),
        "median": float(np.median(counts)),
        "most": int(counts.max()),
        "aim": list(AIM),
        "below_aim": int((counts < AIM[0]).sum()),
        "unranked": {preset.name: int((counts < preset.min_samples).sum()) for preset in PRESETS.values()},
    }


def _duplicate_counts(repeated: list[dict[str, Any]], counts: dict[str, int]) -> dict[str, Any]:
    """`within`: samples beyond the first of their photo and class; `across`: samples of photos in several classes."""
    across = [group for group in repeated if len(group["classes"]) > 1]
    return {
        "within": sum(len(group["samples"]) - len(group["classes"]) for group in repeated),
        "across": sum(len(group["samples"]) for group in across),
        "photos_across": len(across),
        "exact": sum(bool(group["exact"]) for group in repeated),
        "taken_once": int(counts.get("duplicates", 0)),
        "groups": repeated,
    }


def _duplicate_warnings(repeated: list[dict[str, Any]], label_of: dict[str, str]) -> list[dict[str, Any]]:
    found = []
    for group in repeated:
        for label in group["classes"]:
            own = [sample for sample in group["samples"] if label_of[sample] == label]
            if len(own) > 1:
                found.append({"code": "duplicate_within", "class": label, "samples": own, "exact": group["exact"]})
        if len(group["classes"]) > 1:
            found.append(
                {
                    "code": "duplicate_across",
                    "class": group["classes"][0],
                    "classes": group["classes"],
                    "samples": group["samples"],
                    "exact": group["exact"],
                }
            )
    return found


def _by_class(code: str, ids: list[str], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    wanted = set(ids)
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["id"] in wanted:
            found.setdefault(row["label"], []).append(row["id"])
    return [{"code": code, "class": label, "samples": own} for label, own in sorted(found.items())]


def _look_closer(
    report: dict[str, Any],
    loo: LeaveOneOut,
    labels: tuple[str, ...],
    rows: list[dict[str, Any]],
    method: Method,
    manifest: dict[str, Any],
) -> list[dict[str, Any]]:
    """Suspects, outliers and confusable pairs, by the bank's own method: into the report, and as warnings."""
    scores = loo.scores(method)
    calibration = manifest["ranking"]["calibration"].get(PRESET.name) or manifest["ranking"]["calibration"]["*"]
    asked = [rows[index] for index in loo.queries]
    warnings = []
    for query, other, margin in suspects(scores, loo.truth, float(calibration["temperature"])):
        row = asked[query]
        entry = {"sample": row["id"], "class": row["label"], "looks_like": labels[other], "margin": margin}
        report["suspects"].append(entry)
        warnings.append({"code": "suspect", "class": row["label"], "samples": [row["id"]], "looks_like": labels[other]})
    warnings += _by_class("outlier", [asked[query]["id"] for query in outliers(loo)], rows)
    report["confusable"] = confusable(scores, loo.truth, labels)
    for pair in report["confusable"]:
        warnings.append({"code": "confusable", "class": pair["classes"][0], "classes": pair["classes"], "samples": []})
    return warnings
