"""`weft bank clean` and `weft bank restore-samples`: samples set aside, and put back."""

from __future__ import annotations

import click
from rich.console import Console

from scripts.cli import output
from scripts.cli.bank_option import bank_store
from shared.bank.manifest import Origin
from shared.curation.reports import CleaningPlan


@click.command()
@click.argument("version", required=False)
@click.option("--keep", default=8, show_default=True, type=click.IntRange(2), help="Samples to keep per class.")
@click.option("--yes", is_flag=True, help="Create the new version and make it active; without this, nothing changes.")
@click.option("--no-publish", is_flag=True, help="With --yes: create the version without making it active.")
@click.option("--name", default="", help="A readable name; it becomes part of the version ID.")
@click.pass_context
def clean(ctx: click.Context, version: str | None, keep: int, yes: bool, no_publish: bool, name: str) -> None:
    """Exclude duplicates, photos in several classes, poor photos and samples above the limit per class.

    Nothing is deleted: `weft bank restore-samples` restores samples.
    """
    from shared.curation.clean import apply_cleaning, plan_cleaning

    settings = output.state(ctx).settings
    with output.progress("Evaluating the bank") as bar:

        def show(_stage: str, done: int, total: int) -> None:
            bar(done, total)

        plan = plan_cleaning(settings, bank_store(ctx).manifest(version).version, keep, show)
        made = apply_cleaning(settings, plan, name, show) if yes and plan.aside else None
    if made and not no_publish:
        bank_store(ctx).of_version(made).publish(made)
        output.record(ctx, "bank_published", made)
    published = bool(made) and not no_publish
    document = {**plan.to_json(), "made": made, "published": published}
    output.emit(ctx, document, lambda console: _show(console, plan, made, published))


@click.command(name="restore-samples")
@click.argument("samples", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Restore all excluded samples.")
@click.option("--reason", help="Restore all samples excluded for this reason, e.g. dark.")
@click.option("--no-publish", is_flag=True, help="Create the version without making it active.")
@click.pass_context
def restore(
    ctx: click.Context, samples: tuple[str, ...], everything: bool, reason: str | None, no_publish: bool
) -> None:
    """Restore excluded SAMPLES (IDs) to the active bank; without arguments, list the excluded samples."""
    from shared.curation.derive import Change, derive

    settings = output.state(ctx).settings
    store = bank_store(ctx)
    current = store.manifest().version
    wanted = [row.id for row in store.aside_rows(current) if everything or row.reason == reason]
    known = set(wanted)
    wanted += [identifier for identifier in dict.fromkeys(samples) if identifier not in known]
    if not wanted:
        aside = store.aside(current)
        columns = ("sample", "class", "name", "reason")
        cells = [(row.id, row.label, row.name, row.reason) for row in aside]
        output.emit(ctx, [row.to_json() for row in aside], lambda console: console.print(output.table(columns, cells)))
        return
    with output.progress("Choosing the ranking") as bar:
        version = derive(
            settings,
            current,
            Change(restore=wanted),
            origin=Origin.RESTORE,
            progress=lambda _stage, done, total: bar(done, total),
        )
    if not no_publish:
        store.publish(version)
        output.record(ctx, "bank_published", version)
    document = {"version": version, "restored": wanted, "published": not no_publish}
    output.emit(ctx, document, f"Bank {version}: {len(wanted)} samples restored.")


def _show(console: Console, plan: CleaningPlan, made: str | None, published: bool) -> None:
    samples = plan.samples
    console.print(f"{samples.before} samples, {samples.after} after cleaning ({plan.version})", style="bold")
    for reason, count in sorted(plan.reasons.items()):
        console.print(f"  {count} {reason}")
    if plan.classes_lost:
        console.print(f"  classes without samples: {', '.join(plan.classes_lost)}")
    before, after = plan.leave_one_out.before, plan.leave_one_out.after
    if before and after:
        console.print(
            f"Leave-one-out on {before.queries} photos: top-1 {before.top1:.1%} before, {after.top1:.1%} after"
        )
    if made:
        console.print(f"Bank {made} {'is active' if published else 'was created but is not active'}.")
    elif plan.aside:
        console.print("Nothing was changed; run with --yes to create the new version.")
    else:
        console.print("There is nothing to exclude.")
