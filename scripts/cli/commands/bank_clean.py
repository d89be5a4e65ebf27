"""`weft bank clean` and `weft bank restore-samples`: samples set aside, and put back."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console

from scripts.cli import output
from shared.bank.manifest import Origin
from shared.bank.store import BankStore


@click.command()
@click.argument("version", required=False)
@click.option("--keep", default=8, show_default=True, type=click.IntRange(2), help="Samples a class to keep.")
@click.option("--yes", is_flag=True, help="Make the new version and put it in force; without it nothing changes.")
@click.option("--no-publish", is_flag=True, help="With --yes: keep the version without putting it in force.")
@click.option("--name", default="", help="A name for people; it becomes part of the version.")
@click.pass_context
def clean(ctx: click.Context, version: str | None, keep: int, yes: bool, no_publish: bool, name: str) -> None:
    """Set aside duplicates, photos filed under several classes, poor photos and what a class has too many of.

    Nothing is deleted: `weft bank restore-samples` puts samples back.
    """
    from shared.curation.clean import apply_cleaning, plan_cleaning

    settings = output.state(ctx).settings
    with output.progress("Judging the bank") as bar:

        def show(_stage: str, done: int, total: int) -> None:
            bar(done, total)

        plan = plan_cleaning(settings, version, keep, show)
        made = apply_cleaning(settings, plan, name, show) if yes and plan["aside"] else None
    if made and not no_publish:
        BankStore(settings).publish(made)
    document = {**plan, "made": made, "published": bool(made) and not no_publish}
    output.emit(ctx, document, lambda console: _show(console, document))


@click.command(name="restore-samples")
@click.argument("samples", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Put back all that is set aside.")
@click.option("--reason", help="Put back all that was set aside for this reason, e.g. dark.")
@click.option("--no-publish", is_flag=True, help="Keep the version without putting it in force.")
@click.pass_context
def restore(
    ctx: click.Context, samples: tuple[str, ...], everything: bool, reason: str | None, no_publish: bool
) -> None:
    """Put SAMPLES (ids) that were set aside back into the bank in force; without any, list them."""
    from shared.curation.derive import Change, derive

    settings = output.state(ctx).settings
    store = BankStore(settings)
    current = store.manifest()["version"]
    aside = store.aside(current)
    wanted = [row["id"] for row in aside if everything or row["reason"] == reason]
    wanted += [identifier for identifier in samples if identifier not in wanted]
    if not wanted:
        columns = ("sample", "class", "name", "reason")
        cells = [(row["id"], row["label"], row["name"], row["reason"]) for row in aside]
        output.emit(ctx, aside, lambda console: console.print(output.table(columns, cells)))
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
    document = {"version": version, "restored": wanted, "published": not no_publish}
    output.emit(ctx, document, f"Bank {version}: {len(wanted)} samples are back.")


def _show(console: Console, plan: dict[str, Any]) -> None:
    samples = plan["samples"]
    console.print(f"{samples['before']} samples, {samples['after']} after cleaning ({plan['version']})", style="bold")
    for reason, count in sorted(plan["reasons"].items()):
        console.print(f"  {count} {reason}")
    if plan["classes_lost"]:
        console.print(f"  no sample remains of: {', '.join(plan['classes_lost'])}")
    before, after = plan["leave_one_out"]["before"], plan["leave_one_out"]["after"]
    if before and after:
        console.print(
            f"Leave-one-out on {before['queries']} photos: top-1 {before['top1']:.1%} before, {after['top1']:.1%} after"
        )
    if plan["made"]:
        console.print(f"Bank {plan['made']}{' is in force' if plan['published'] else ' is made, not in force'}.")
    elif plan["aside"]:
        console.print("Nothing was changed; --yes makes the new version.")
    else:
        console.print("There is nothing to set aside.")
