"""`weft evaluate`: how well a bank ranks, on its own photos or on a labelled folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts.cli import output
from shared.bank.store import BankStore
from shared.ranking.model import PRESETS

if TYPE_CHECKING:
    from scripts.cli.evaluate.evaluation import Learning, Paired, ParentFigures, TopcFigures
    from shared.bank.manifest import Skipped
    from shared.bank.ranking_fit import Measured
    from shared.curation.drift import Drift


@click.command()
@click.argument("target", metavar="[FOLDER_OR_BANK]", required=False)
@click.option("--preset", default="standard", show_default=True, type=click.Choice(list(PRESETS)))
@click.option("--bank", "version", help="The bank, by ID or name, or a version of one; default: the default bank.")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML report with curves to this file."
)
@click.option(
    "--compare",
    "other",
    metavar="VERSION",
    help="Also judge this version (or the active one of a bank) on the photos that both have, as with another model.",
)
@click.option(
    "--drift",
    "days",
    type=click.IntRange(1),
    metavar="DAYS",
    help="Also compare the jobs of the last DAYS that used this version and preset with the bank's own photos.",
)
@click.pass_context
def command(
    ctx: click.Context,
    target: str | None,
    preset: str,
    version: str | None,
    html: Path | None,
    other: str | None,
    days: int | None,
) -> None:
    """Measure accuracy on a labelled FOLDER (one subfolder per class), or of a BANK version by leave-one-out.

    Default: the active bank. Leave-one-out excludes near-duplicates together and evaluates each photo with a ranking
    and calibration fitted without it.
    """
    from scripts.cli.evaluate import folder, own_photos, paired, report
    from scripts.cli.evaluate.evaluation import Evaluation

    if other is not None and target is not None and Path(target).is_dir():
        raise click.UsageError("--compare judges two versions on their own photos, not on a folder")
    if days is not None and target is not None and Path(target).is_dir():
        raise click.UsageError("--drift compares jobs with a bank's own photos, not with a folder")
    settings = output.state(ctx).settings
    store = BankStore(settings)
    sweep: list[TopcFigures] = []
    skipped: list[Skipped] = []
    unknown: list[str] = []
    learning: Learning | None = None
    compared: Paired | None = None
    measured: Measured | None = None
    parents: ParentFigures | None = None
    drifted: Drift | None = None
    with output.progress("Evaluating") as bar:
        if target is not None and Path(target).is_dir():
            from shared.core.settings import cores
            from shared.encoder import load_encoder

            bank = store.load(store.chosen(version).version)
            encoder = load_encoder(settings, threads=settings.threads or cores(), say=output.note)
            try:
                outcomes, skipped, unknown = folder.judge(bank, Path(target), encoder, settings, PRESETS[preset], bar)
            finally:
                encoder.close()
            methods = [bank.manifest.ranking.method.name]
        else:
            bank = store.load(target or store.chosen(version).version)
            own = own_photos.judge(bank, PRESETS[preset], bar)
            outcomes, sweep, learning, methods = own.outcomes, own.sweep, own.learning, own.methods
            answers = own.crossed.answers
            measured, parents = answers.measured(), own_photos.parent_figures(answers)
            if days is not None:
                from scripts.cli.evaluate.drift import drift
                from shared.jobs.ledger import Ledger

                drifted = drift(settings, Ledger.connect(settings), own.crossed, PRESETS[preset], days)
            if other is not None:
                second = own_photos.crossed(store.load(store.chosen(other).version), PRESETS[preset], bar)
                compared = paired.paired(store, own.crossed, second)
    found = Evaluation(
        bank=bank.version,
        model=bank.model,
        preset=preset,
        on=target if sweep == [] else "leave-one-out",
        methods=methods,
        figures=outcomes.figures(),
        sweep=sweep,
        learning=learning,
        compared=compared,
        skipped=skipped,
        unknown_classes=unknown,
        promise=bank.manifest.ranking.promise_for(preset),
        measured=measured,
        parents=parents,
        drift=drifted,
    )
    if html is not None:
        report.write(html, found)
    output.emit(ctx, found.to_json(), lambda console: report.show(console, found))
