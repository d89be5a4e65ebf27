"""`weft bank check`: what a bank is made of, what is wrong with it, how well it ranks its own photos."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path

import click
from rich.console import Console

from scripts.cli import output
from scripts.cli.bank_option import bank_store
from scripts.cli.bank_words import by_code, outside_words, promise_words, view_words, within
from scripts.cli.commands.bank_index import table_words
from shared.bank.manifest import Finding
from shared.bank.server.tables import TableNote, is_served, noted, require
from shared.bank.store import BankStore
from shared.core.errors import WeftError
from shared.curation.reports import CheckReport, Duplicates, LeaveOneOutFigures
from shared.curation.sizes import unranked

#: Findings of one kind that are printed; the JSON and the HTML report hold all.
_SHOWN = 10


@click.command()
@click.argument("version", required=False)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML report with pictures to this file."
)
@click.option("--model", help="For an NPZ: the model that produced the vectors, as in WEFT_MODEL.")
@click.option("--views", is_flag=True, help="Also measure what several views of each photo would bring (WEFT_VIEWS).")
@click.pass_context
def command(ctx: click.Context, version: str | None, html: Path | None, model: str | None, views: bool) -> None:
    """Check VERSION (default: the active version), or an NPZ in the old format without importing it."""
    from shared.curation.check import check_bank
    from shared.curation.legacy import import_legacy

    settings = output.state(ctx).settings
    with tempfile.TemporaryDirectory(prefix="weft-check-") as work, output.progress("Checking") as bar:

        def show(_stage: str, done: int, total: int) -> None:
            bar(done, total)

        if version is not None and version.endswith(".npz"):
            settings = settings.model_copy(update={"data_dir": Path(work), "storage_url": None})
            version = import_legacy(Path(version), settings, model, keep_duplicates=True)
        elif version is None:
            version = bank_store(ctx).manifest().version
        report = check_bank(settings, version, show, views=views)
        table = _table(BankStore(settings), version)
        if html is not None:
            from scripts.cli.evaluate.bank_report import write_report

            write_report(html, report, BankStore(settings))
    told = {} if table is None else {"bank_server": table.to_json() if isinstance(table, TableNote) else str(table)}

    def human(console: Console) -> None:
        show_report(console, report)
        if table is not None:
            console.print(f"Bank server: {table_words(table) if isinstance(table, TableNote) else table}")

    output.emit(ctx, {**report.to_json(), **told}, human)


def _table(store: BankStore, version: str) -> TableNote | WeftError | None:
    """What the bank server has of a version, or what is wrong with it; None where it is not asked about it."""
    manifest = store.manifest(version)
    if not is_served(server := store.server, manifest):
        return None
    try:
        note = server.once(lambda connection, _: noted(connection, version), primary=False)
        require(manifest, note)
    except WeftError as error:
        return error
    return note


def show_report(console: Console, report: CheckReport) -> None:
    """The report in words."""
    sizes = report.samples_per_class
    console.print(f"Bank {report.version} · {report.model}", style="bold")
    if not report.trained:
        console.print("[yellow]Test mode: vectors are derived from file hashes, so results are meaningless.[/]")
    megabytes = report.bytes / 1e6
    console.print(f"{report.classes} classes, {report.vectors} vectors × {report.dimensions}, {megabytes:.1f} MB")
    console.print(report.advice)
    if not report.colours_converted:
        console.print(
            "Encoded without colour conversion: photos with a colour profile match less well; build it again."
        )
    least, most = sizes.aim
    console.print(
        f"Samples per class: {sizes.least} to {sizes.most}, median {sizes.median:g}; "
        f"{sizes.below_aim} classes have fewer than {least} (target: {least} to {most})"
    )
    _show_duplicates(console, report.duplicates)
    if (figures := report.leave_one_out) is not None:
        _show_figures(console, figures)
    if report.promise is not None:
        console.print(promise_words(report.promise))
    for line in view_words(report.views):
        console.print(line)
    _show_warnings(console, report.warnings, report.current)


def _show_duplicates(console: Console, found: Duplicates) -> None:
    console.print(
        f"Duplicates: {found.within} within a class, {found.across} samples of {found.photos_across} photos "
        "in several classes"
    )
    if found.taken_once:
        console.print(f"  {found.taken_once} more were skipped when the bank was built")


def _show_figures(console: Console, figures: LeaveOneOutFigures) -> None:
    interval = figures.top1_interval
    top1 = f"{figures.top1:.1%}" if interval is None else within(figures.top1, interval)
    console.print(
        f"Leave-one-out on {figures.queries} photos in a single class: top-1 {top1}, "
        f"top-5 {figures.top5:.1%} (baseline: {figures.plain.top1:.1%})"
    )
    if figures.calibration_error is not None:
        console.print(
            f"  coverage {figures.answered:.0%} with {figures.wrong_of_answered:.0%} errors; "
            f"coverage {figures.coverage_at_risk:.0%} at an error rate of {figures.risk:.0%}; "
            f"calibration error {figures.calibration_error:.3f}"
        )
    if words := outside_words(figures):
        console.print(f"  {words}")
    every = figures.all_rows
    if every.in_several_classes:
        console.print(
            f"  over all {every.queries} samples: top-1 {every.top1:.1%}; "
            f"{every.in_several_classes} of them are in several classes and cannot be correct in all"
        )


def _show_warnings(console: Console, warnings: list[Finding], current: bool) -> None:
    for code, found in by_code(warnings).items():
        console.print(f"{code.replace('_', ' ')}: {len(found)}", style="bold")
        for warning in found[:_SHOWN]:
            console.print(f"  {words(warning)}")
        if len(found) > _SHOWN:
            console.print(f"  … and {len(found) - _SHOWN} more")
        if code == "suspect" and current:
            first = found[0]
            console.print(f"  e.g. weft bank class move {first.samples[0]} --to {shlex.quote(first.looks_like)}")


def words(warning: Finding) -> str:
    """One warning as a line."""
    samples = warning.samples
    text = ", ".join(warning.concerned)
    if samples:
        text += f": {len(samples)} sample{'s' if len(samples) != 1 else ''} ({', '.join(samples[:4])})"
    if warning.looks_like:
        text += f", looks like {warning.looks_like}"
    return f"{text}; {unranked(warning)}" if unranked(warning) else text
