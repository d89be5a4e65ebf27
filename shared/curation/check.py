"""`weft bank check`: what a bank is made of, what is wrong with it, and how well it ranks its own photos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shared.bank.bank import Bank
from shared.bank.manifest import Finding
from shared.bank.ranking_fit import RankingFit
from shared.bank.samples import Sample
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.curation.findings import confusable, duplicates, outliers, poor_photos, suspects
from shared.curation.own_answers import own_answers
from shared.curation.reports import (
    AllRows,
    CheckReport,
    ClassFigures,
    ConfusablePair,
    DuplicateGroup,
    Duplicates,
    LeaveOneOutFigures,
    SampleSizes,
    Shares,
    Suspect,
    advice,
)
from shared.curation.saved_checks import SCHEMA, save_check, saved_check
from shared.curation.sizes import size_warnings
from shared.curation.view_gains import view_gains
from shared.curation.writer import Progress, silent
from shared.ranking.fitting.baseline import baseline_ranks
from shared.ranking.fitting.bootstrap import PhotoBootstrap
from shared.ranking.fitting.cross_fit import cross_fit
from shared.ranking.fitting.fit import BETAS, LARGE, MIN_QUERIES_TO_FIT, sample_for_evaluation
from shared.ranking.fitting.leave_out import LeaveOneOut
from shared.ranking.fitting.moments import Moments, class_sums
from shared.ranking.fitting.whole_bank import WholeBank, whole_bank
from shared.ranking.methods import Ints
from shared.ranking.model import PRESETS

#: Samples a class that a bank should have.
AIM = (5, 8)
#: Rows up to which leave-one-out takes a judged photo out of the bank while the ranking is chosen.
NESTED_ROWS = 1_000
#: Classes of which all are reported, with or without figures.
LARGE_CLASSES = 5_000
#: Rows that the plain rule is asked at most.
_ALL_ROWS = 3_000
#: The preset whose answers are judged.
PRESET = PRESETS["standard"]


def check_bank(
    settings: Settings, version: str | None = None, progress: Progress = silent, views: bool = False
) -> CheckReport:
    """Examines a version (None: the active one), keeps the report for `saved_check` and returns it.

    `views`: also measures what several views of each photo would bring, which takes as long as encoding nine times the
    photos; an earlier measurement of the version is kept. Raises NotFound, BankError("no_bank"),
    BankError("bank_damaged"), and with `views` what `view_gains` raises.
    """
    store = BankStore(settings).of_version(version)
    bank = store.load(version)
    report = examine(bank, store.samples(bank.version), progress)
    report = report.model_copy(update={"current": bank.version == store.current()})
    earlier = saved_check(store, bank.version)
    gains = view_gains(settings, store, bank.version, progress) if views else earlier.views if earlier else []
    if gains:
        report = report.model_copy(update={"views": gains})
    save_check(store, report)
    return report


def examine(bank: Bank, rows: Sequence[Sample], progress: Progress = silent) -> CheckReport:
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
    warnings = size_warnings(bank.classes, counts, _of_small_classes(bank, rows), named=bank.texts is not None)
    warnings += _duplicate_warnings(repeated, {row.id: row.label for row in judged_rows})
    # Of a large bank, an even sample.
    looked_at = rows if len(rows) <= LARGE else judged_rows
    for code, ids in poor_photos(looked_at, manifest.encoder.input_size).items():
        warnings += _by_class(code, ids, looked_at)
    figures = None
    filed_wrongly: list[Suspect] = []
    pairs: list[ConfusablePair] = []
    if bank.meaningful and len(loo.truth):
        figures = leave_one_out(loo, labels, progress, whole_bank_of(bank) if len(rows) > LARGE else None)
        filed_wrongly, far, pairs = _look_closer(loo, labels, judged_rows, manifest.ranking)
        warnings += [
            *(
                Finding(code="suspect", label=s.label, samples=[s.sample], looks_like=s.looks_like)
                for s in filed_wrongly
            ),
            *far,
            *(Finding(code="confusable", label=p.classes[0], classes=p.classes, samples=[]) for p in pairs),
        ]
    return CheckReport(
        schema_version=SCHEMA,
        version=bank.version,
        name=manifest.name,
        model=manifest.model,
        trained=manifest.encoder.trained,
        preset=PRESET.name,
        classes=len(bank.labels),
        vectors=len(bank.vectors),
        dimensions=bank.dim,
        bytes=int(bank.vectors.nbytes),
        memory_bytes=int(bank.vectors.size) * 4,
        advice=advice(len(bank.vectors)),
        # The only one since ranking is exact at every size; earlier there were `flat` and `pq`, too.
        index="exact",
        samples_per_class=_sizes(counts),
        duplicates=_duplicate_counts(repeated, manifest.counts.duplicates),
        method=manifest.ranking.method,
        leave_one_out=figures,
        suspects=filed_wrongly,
        confusable=pairs,
        warnings=warnings,
        colour=manifest.colour,
        promise=manifest.ranking.promise_for(PRESET.name) if bank.meaningful else None,
    )


def _of_small_classes(bank: Bank, rows: Sequence[Sample]) -> list[Sample]:
    """The rows of the classes that may be too small for a preset: `size_warnings` looks at no others."""
    most = max(preset.min_samples for preset in PRESETS.values())
    small = np.flatnonzero(bank.counts < most).tolist()
    return [row for label in small for row in rows[bank.starts[label] : bank.starts[label + 1]]]


def whole_bank_of(bank: Bank) -> WholeBank:
    """Leave-one-out against all of a large bank."""
    sums = class_sums(bank.vectors, bank.starts)
    moments = Moments.of(bank.vectors, bank.starts, sums)
    return whole_bank(bank.vectors, bank.starts, sums, bank.texts, moments, BETAS, labels=bank.labels)


def leave_one_out(
    loo: LeaveOneOut, labels: tuple[str, ...], progress: Progress = silent, whole: WholeBank | None = None
) -> LeaveOneOutFigures:
    """Figures on the photos that sit in one class: ranking chosen, calibrated and judged on different photos.

    `whole`: of a large bank, of which `loo` has only a sample; the plain rule is asked there.
    """
    with_classmate = int((loo if whole is None else whole).answerable.sum())
    plain = baseline_ranks(loo, loo.asked, loo.truth, loo.photo)
    plain_shares = Shares(top1=_share(plain < 1), top5=_share(plain < 5))
    rows = np.arange(len(loo.owner))[:: -(-len(loo.owner) // _ALL_ROWS)]
    every = baseline_ranks(loo, loo.vectors[rows], loo.owner[rows], loo.groups.of[rows])
    all_rows = AllRows(
        queries=len(rows),
        top1=_share(every < 1),
        top5=_share(every < 5),
        in_several_classes=int(loo.groups.across[loo.groups.of].sum()),
    )
    if with_classmate >= MIN_QUERIES_TO_FIT:
        nested = whole is None and len(loo.owner) <= NESTED_ROWS

        def show(done: int, total: int) -> None:
            progress("judging", done, total)

        cross_fitted = cross_fit(loo if whole is None else whole, PRESET, nested=nested, progress=show)
        measured = cross_fitted.measured()
        truth, photo = cross_fitted.truth, loo.photo
        if whole is not None:
            # Columns are other classes for each query, and each is a photo of its own.
            labels, photo = whole.labels, whole.queries
            truth = np.take_along_axis(whole.classes, whole.truth[:, None], axis=1)[:, 0]
        return LeaveOneOutFigures(
            queries=measured.queries,
            with_classmate=with_classmate,
            top1=measured.top1,
            top5=measured.top5,
            calibration_error=measured.calibration_error,
            coverage_at_risk=measured.coverage_at_risk,
            risk=measured.risk,
            answered=measured.answered,
            wrong_of_answered=measured.wrong_of_answered,
            foreign_found=measured.foreign_found,
            false_accepts=measured.false_accepts,
            false_accepts_interval=measured.false_accepts_interval,
            nested=nested,
            methods=sorted({method.name for method in cross_fitted.methods}),
            top1_interval=_interval(photo, cross_fitted.rank),
            per_class=_class_figures(truth, cross_fitted.rank, labels),
            certainty=own_answers(cross_fitted, labels),
            plain=plain_shares,
            all_rows=all_rows,
        )
    return LeaveOneOutFigures(
        queries=len(loo.truth),
        with_classmate=with_classmate,
        top1=plain_shares.top1,
        top5=plain_shares.top5,
        nested=False,
        methods=["plain"],
        top1_interval=_interval(loo.photo, plain),
        per_class=_class_figures(loo.truth, plain, labels),
        plain=plain_shares,
        all_rows=all_rows,
    )


def _interval(photo: Ints, rank: Ints) -> tuple[float, float]:
    low, high = PhotoBootstrap(photo).share(rank < 1)
    return round(low, 4), round(high, 4)


def _share(hits: Any) -> float:
    return round(float(np.mean(hits)), 4) if len(hits) else 0.0


def _class_figures(truth: Ints, rank: Ints, labels: tuple[str, ...]) -> dict[str, ClassFigures]:
    figures = {}
    # Of a large bank, only the classes that were asked.
    for index in range(len(labels)) if len(labels) <= LARGE_CLASSES else np.unique(truth).tolist():
        label = labels[index]
        own = rank[truth == index]
        figures[label] = ClassFigures(queries=len(own), top1=_share(own < 1), top5=_share(own < 5))
    return figures


def _sizes(counts: Ints) -> SampleSizes:
    return SampleSizes(
        least=int(counts.min()),
        median=float(np.median(counts)),
        most=int(counts.max()),
        aim=list(AIM),
        below_aim=int((counts < AIM[0]).sum()),
        unranked={preset.name: int((counts < preset.min_samples).sum()) for preset in PRESETS.values()},
    )


def _duplicate_counts(repeated: list[DuplicateGroup], taken_once: int) -> Duplicates:
    across = [group for group in repeated if len(group.classes) > 1]
    return Duplicates(
        within=sum(len(group.samples) - len(group.classes) for group in repeated),
        across=sum(len(group.samples) for group in across),
        photos_across=len(across),
        exact=sum(group.exact for group in repeated),
        taken_once=taken_once,
        groups=repeated,
    )


def _duplicate_warnings(repeated: list[DuplicateGroup], label_of: dict[str, str]) -> list[Finding]:
    found = []
    for group in repeated:
        for label in group.classes:
            own = [sample for sample in group.samples if label_of[sample] == label]
            if len(own) > 1:
                found.append(Finding(code="duplicate_within", label=label, samples=own, exact=group.exact))
        if len(group.classes) > 1:
            found.append(
                Finding(
                    code="duplicate_across",
                    label=group.classes[0],
                    classes=group.classes,
                    samples=group.samples,
                    exact=group.exact,
                )
            )
    return found


def _by_class(code: str, ids: list[str], rows: Sequence[Sample]) -> list[Finding]:
    wanted = set(ids)
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.id in wanted:
            found.setdefault(row.label, []).append(row.id)
    return [Finding(code=code, label=label, samples=own) for label, own in sorted(found.items())]


def _look_closer(
    loo: LeaveOneOut, labels: tuple[str, ...], rows: Sequence[Sample], fit: RankingFit
) -> tuple[list[Suspect], list[Finding], list[ConfusablePair]]:
    """Suspects, outliers and confusable pairs, by the bank's own method."""
    scores = loo.scores(fit.method)
    asked = [rows[index] for index in loo.queries]
    found = [
        Suspect(sample=asked[query].id, label=asked[query].label, looks_like=labels[other], margin=margin)
        for query, other, margin in suspects(scores, loo.truth, fit.calibration_for(PRESET.name).temperature)
    ]
    far = _by_class("outlier", [asked[query].id for query in outliers(loo)], rows)
    return found, far, confusable(scores, loo.truth, labels)
