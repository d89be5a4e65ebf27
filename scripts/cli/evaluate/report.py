"""The report of `weft evaluate`: words, and an HTML page with its curves."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from scripts.cli import output
from scripts.cli.bank_words import outside_words, promise_words, within
from scripts.cli.evaluate import html
from scripts.cli.evaluate.drift import drift_words
from scripts.cli.evaluate.evaluation import Evaluation, Learning, MorePhotos, Paired
from shared.curation.drift import Drift
from shared.ranking.fitting.bootstrap import Interval

_NEEDED = ("more photos of", "wrong now", "its top-1 rises by", "among these in resamplings")
_DRIFTED = ("less certain in jobs", "photos", "without a definite result", "in the bank")
_SWEEP = ("topc", "coarse recall", "top-1", "top-5", "ms per photo")


def show(console: Console, report: Evaluation) -> None:
    """The report in words."""
    console.print(f"{report.figures.queries} photos, bank {report.bank}, preset {report.preset}", style="bold")
    console.print(f"{_accuracy(report)}; {_answers(report)}")
    console.print(_certainty(report))
    console.print(promise_words(report.promise))
    for words in _further(report):
        console.print(words)
    console.print("coverage at an error rate of " + _coverage(report))
    console.print(f"expected calibration error {report.figures.calibration_error:.3f}")
    for photo in report.skipped:
        console.print(f"  skipped {photo.name}: {photo.code}")
    if report.unknown_classes:
        console.print(f"  not in the bank, skipped: {', '.join(report.unknown_classes)}")
    if report.compared is not None:
        console.print(compared_words(report.compared))
    if report.drift is not None:
        for words in drift_words(report.drift):
            console.print(words)
        if report.drift.classes:
            console.print(output.table(_DRIFTED, _drifted_rows(report.drift), frozenset(_DRIFTED[1:])))
    if report.learning is not None:
        _show_learning(console, report.learning)
    if report.sweep:
        console.print(output.table(_SWEEP, _sweep_rows(report), frozenset(_SWEEP)))


def _range(interval: Interval) -> str:
    return f"{interval[0]:.2f}–{interval[1]:.2f}"


def _accuracy(report: Evaluation) -> str:
    found = report.figures
    return f"top-1 {within(found.top1, found.intervals.top1)}, top-5 {within(found.top5, found.intervals.top5)}"


def _answers(report: Evaluation) -> str:
    found = report.figures
    answered = within(found.answered, found.intervals.answered)
    return f"coverage {answered} with {within(found.wrong_of_answered, found.intervals.wrong_of_answered)} errors"


def _further(report: Evaluation) -> list[str]:
    """Sentences about parents, and about photos of classes that the bank does not have."""
    lines = []
    if (found := report.parents) is not None:
        lines.append(
            f"another {found.answered:.0%} get the parent of their class, {found.wrong_of_answered:.1%} of them wrongly"
        )
    if report.measured is not None and (words := outside_words(report.measured)):
        lines.append(words)
    return lines


def _certainty(report: Evaluation) -> str:
    found = report.figures.intervals
    return f"In brackets: {found.level:.0%} intervals for other photos of these classes ({found.groups} resampled)"


def _show_learning(console: Console, found: Learning) -> None:
    console.print(f"{learning_title(found)}: {', '.join(f'{n}: {share}' for n, share, _ in _learning_rows(found))}")
    if found.more is not None:
        console.print(more_words(found.more))
        if found.more.classes:
            console.print(output.table(_NEEDED, _needed_rows(found.more), frozenset(_NEEDED[1:])))


def learning_title(found: Learning) -> str:
    """What the points of a learning curve are."""
    return f"Top-1 by samples per class, the same {found.classes} classes each time"


def more_words(more: MorePhotos) -> str:
    """What more photos would bring, as a sentence."""
    if not more.classes or more.gain < 0.0005:
        return "More photos of the same kind would hardly help: accuracy does not rise with the number of samples"
    names = ", ".join(row.label for row in more.classes)
    low, high = (100 * end for end in more.interval)
    text = (
        f"{more.photos} more photos each of {names} would help most: about {100 * more.gain:.1f} points "
        f"({low:.1f}–{high:.1f}) of mean class accuracy, extrapolated from the curve"
    )
    return text if more.interval[0] >= 0.0005 else f"{text}; it is not certain that they help"


def compared_words(found: Paired) -> str:
    """Which of two versions is better, as a sentence."""
    low, high = (100 * end for end in found.interval)
    points = f"{100 * found.difference:+.1f} points ({low:+.1f} to {high:+.1f})"
    if found.interval[0] > 0:
        verdict = "better"
    elif found.interval[1] < 0:
        verdict = "worse"
    else:
        verdict = "no difference can be told"
    return (
        f"{found.bank} ({found.model}), on the {found.photos} photos of both: top-1 {found.top1_second:.1%} instead of "
        f"{found.top1_first:.1%}, {points}: {verdict}; {found.only_second_right} right only there, "
        f"{found.only_first_right} only here"
    )


def _learning_rows(found: Learning) -> list[tuple[object, ...]]:
    return [(row.samples, within(row.top1, row.interval), row.photos) for row in found.points]


def _needed_rows(more: MorePhotos) -> list[tuple[object, ...]]:
    return [
        (row.label, f"{row.wrong} of {row.asked}", f"{100 * row.gain:.1f} points", f"{row.sure:.0%}")
        for row in more.classes
    ]


def _drifted_rows(found: Drift) -> list[tuple[object, ...]]:
    return [(row.label, row.photos, f"{row.open:.0%}", f"{row.bank_open:.0%}") for row in found.classes]


def _coverage(report: Evaluation) -> str:
    return ", ".join(f"{float(risk):.0%}: {share:.0%}" for risk, share in report.figures.coverage_at.items())


def _sweep_rows(report: Evaluation) -> list[tuple[object, ...]]:
    return [(row.topc, row.coarse_recall, row.top1, row.top5, row.ms_a_photo) for row in report.sweep]


def write(path: Path, report: Evaluation) -> None:
    """The same as an HTML page, with the confusion matrix, the curves and all classes."""
    risk = [(row.coverage, row.risk) for row in report.figures.risk_coverage]
    reliable = [(row.confidence, row.right) for row in report.figures.reliability]
    charts = [
        html.curve("Error rate by coverage", "coverage", "error rate", [risk]),
        html.curve("Reliability", "confidence", "accuracy", [reliable], diagonal=True),
    ]
    if report.sweep:
        widest = max(row.topc for row in report.sweep)
        recall = [(row.topc / widest, row.coarse_recall) for row in report.sweep]
        top1 = [(row.topc / widest, row.top1) for row in report.sweep]
        charts.append(html.curve("Coarse recall and top-1 accuracy", f"topc / {widest}", "share", [recall, top1]))
    classes = sorted(report.figures.per_class.items(), key=lambda pair: (pair[1].top1, pair[0]))
    parts = [
        html.paragraph(
            f"{report.figures.queries} photos, preset {report.preset}, model {report.model}: "
            f"{_accuracy(report)}; {_answers(report)}; "
            f"expected calibration error {report.figures.calibration_error:.3f}. {_certainty(report)}."
        ),
        html.paragraph(promise_words(report.promise)),
        *(html.paragraph(words) for words in _further(report)),
        html.paragraph("Coverage at an error rate of " + _coverage(report)),
        f'<div class="curves">{"".join(charts)}</div>',
    ]
    if report.compared is not None:
        parts.append(html.paragraph(compared_words(report.compared) + "."))
    if report.drift is not None:
        parts += [html.heading("Jobs beside the bank"), *(html.paragraph(w + ".") for w in drift_words(report.drift))]
        parts.append(html.table(_DRIFTED, _drifted_rows(report.drift)))
    if report.learning is not None:
        parts += [
            html.heading(learning_title(report.learning)),
            html.table(("samples per class", "top-1", "photos"), _learning_rows(report.learning)),
        ]
        if report.learning.more is not None:
            parts.append(html.paragraph(more_words(report.learning.more) + "."))
            parts.append(html.table(_NEEDED, _needed_rows(report.learning.more)))
    if report.sweep:
        parts += [html.heading("topc"), html.table(_SWEEP, _sweep_rows(report))]
    parts += [
        html.heading("Classes, worst first"),
        html.table(
            ("class", "photos", "top-1", "interval", "top-5"),
            [(k, v.queries, v.top1, _range(report.figures.intervals.per_class[k]), v.top5) for k, v in classes],
        ),
        html.heading("Confusion matrix: rows are the true classes"),
        html.heat(sorted(report.figures.per_class), report.figures.confusion),
    ]
    path.write_text(html.page(f"Evaluation of bank {report.bank}", parts), encoding="utf-8")
