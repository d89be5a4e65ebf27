"""The HTML report of `weft bank check`, with the pictures that it speaks of."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from scripts.cli.bank_words import by_code, outside_words, promise_words
from scripts.cli.evaluate import html
from shared.bank.manifest import Finding
from shared.bank.samples import Sample
from shared.bank.store import BankStore
from shared.curation.reports import CheckReport
from shared.curation.sizes import unranked

#: Findings of one kind that get pictures, and pictures of one finding.
_FINDINGS, _PICTURES = 40, 8


def write_report(path: Path, report: CheckReport, store: BankStore) -> None:
    """Writes the report of a version that `store` holds."""
    pictured = {
        sample
        for found in by_code(report.warnings).values()
        for warning in found[:_FINDINGS]
        for sample in warning.samples[:_PICTURES]
    }
    names = {row.id: row for row in store.rows(report.version) if row.id in pictured}
    parts = [
        html.paragraph(
            f"{report.model} · {report.classes} classes, {report.vectors} vectors × {report.dimensions}. "
            f"{report.advice}"
        )
    ]
    if not report.trained:
        parts.append(html.paragraph("The model is untrained: results are meaningless."))
    parts += _figures(report)
    if report.promise is not None:
        parts.append(html.paragraph(promise_words(report.promise)))
    if report.leave_one_out is not None and (words := outside_words(report.leave_one_out)):
        parts.append(html.paragraph(words))
    for code, found in by_code(report.warnings).items():
        parts.append(html.heading(f"{code.replace('_', ' ').capitalize()}: {len(found)}"))
        for warning in found[:_FINDINGS]:
            parts.append(html.paragraph(_words(warning)))
            parts.append(_pictures(warning.samples[:_PICTURES], names, report.version, store))
        if len(found) > _FINDINGS:
            parts.append(html.paragraph(f"… and {len(found) - _FINDINGS} more; use --json for all."))
    path.write_text(html.page(f"Bank {report.version}", parts), encoding="utf-8")


def _figures(report: CheckReport) -> list[str]:
    found = report.duplicates
    rows: list[tuple[str, object]] = [
        ("Duplicates within a class", found.within),
        ("Samples in several classes", found.across),
        ("Skipped when the bank was built", found.taken_once),
    ]
    figures = report.leave_one_out
    if figures is None:
        return [html.table(("", ""), rows)]
    rows += [
        ("Photos tested by leave-one-out", figures.queries),
        ("Top-1", figures.top1),
        ("Top-5", figures.top5),
        ("Baseline top-1", figures.plain.top1),
        ("Baseline top-1 over all samples", figures.all_rows.top1),
    ]
    if figures.calibration_error is not None:
        rows.append(("Expected calibration error", figures.calibration_error))
        rows.append((f"Coverage at an error rate of {figures.risk:.0%}", figures.coverage_at_risk))
    classes = sorted(figures.per_class.items(), key=lambda pair: (pair[1].top1, pair[0]))
    return [
        html.table(("", ""), rows),
        html.heading("Classes, worst first"),
        html.table(("class", "photos", "top-1", "top-5"), [(k, v.queries, v.top1, v.top5) for k, v in classes]),
    ]


def _words(warning: Finding) -> str:
    text = ", ".join(warning.concerned)
    if warning.looks_like:
        text += f" – looks like {warning.looks_like}"
    return f"{text} – {unranked(warning)}" if unranked(warning) else text


def _pictures(ids: list[str], names: dict[str, Sample], version: str, store: BankStore) -> str:
    figures = []
    for identifier in ids:
        row = names.get(identifier)
        if row is None:
            continue
        jpeg = store.sample_picture(version, identifier)
        picture = '<div class="none"></div>'
        if jpeg is not None:
            picture = f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}">'
        caption = escape(f"{row.label}: {row.name}")
        figures.append(f"<figure>{picture}<figcaption>{caption}<br>{identifier}</figcaption></figure>")
    return f'<div class="pictures">{"".join(figures)}</div>'
