"""`weft bank diff | preview | corrections | add | set-aside`: what a version changes, and versions made of changes."""

from __future__ import annotations

import click
from rich.console import Console

from scripts.cli import output
from scripts.cli.bank_option import bank_store, with_bank
from shared.bank.manifest import Origin
from shared.curation.compare import SampleChange, compare
from shared.curation.proposals import Proposal, proposals
from shared.curation.version_preview import Answer, AnswerChange
from shared.jobs.ledger import Ledger
from shared.ranking.model import Verdict

#: Names of the kinds of change between two versions.
CHANGE_NAMES = {
    SampleChange.ADDED: "added",
    SampleChange.REMOVED: "removed",
    SampleChange.SET_ASIDE: "excluded",
    SampleChange.PUT_BACK: "restored",
}
#: Words of a preview's kinds.
KINDS = {
    AnswerChange.RELABELLED: "different class",
    AnswerChange.GAINED: "recognised now",
    AnswerChange.LOST: "no longer recognised",
    AnswerChange.GUESSED: "unsure, with a different guess",
    AnswerChange.WAVERED: "unsure instead of not in bank, or vice versa",
}


@click.command()
@click.argument("old")
@click.argument("new", required=False)
@click.pass_context
def diff(ctx: click.Context, old: str, new: str | None) -> None:
    """Compare version OLD with NEW (default: the active version): added, removed, excluded and restored samples."""
    store = bank_store(ctx).of_version(old)
    found = compare(store, old, store.manifest(new).version)

    def human(console: Console) -> None:
        console.print(f"{found.old} → {found.new}")
        for labels, sign in ((found.classes.added, "+"), (found.classes.removed, "-")):
            for label in labels:
                console.print(f"  {sign} class {label}")
        for row in found.changed:
            counted = {
                SampleChange.ADDED: len(row.added),
                SampleChange.REMOVED: len(row.removed),
                SampleChange.SET_ASIDE: len(row.set_aside),
                SampleChange.PUT_BACK: len(row.put_back),
            }
            changes = ", ".join(f"{count} {CHANGE_NAMES[change]}" for change, count in counted.items() if count)
            console.print(f"  {row.label}: {row.before} → {row.after} samples ({changes})")
        if not found.changed:
            console.print("  both versions have the same samples")
        before, after = found.measured.before, found.measured.after
        if before and after:
            console.print(f"leave-one-out top-1 accuracy: {before.top1:.1%} → {after.top1:.1%}")

    output.emit(ctx, found.to_json(), human)


@click.command()
@click.argument("version")
@click.option(
    "--photos", default=500, show_default=True, type=click.IntRange(1), help="Number of latest photos to compare."
)
@click.pass_context
def preview(ctx: click.Context, version: str, photos: int) -> None:
    """Count the latest photos that would get a different result with VERSION than with the active version."""
    from shared.curation.preview import preview as look

    settings = output.state(ctx).settings
    with output.progress("Ranking", photos) as bar:
        found = look(
            settings,
            Ledger.connect(settings),
            version,
            photos=photos,
            progress=lambda stage, done, total: bar(done, total),
        )

    def human(console: Console) -> None:
        console.print(f"{found.changed} of the last {found.photos} photos would change.")
        for kind, count in found.kinds.items():
            console.print(f"  {count} {KINDS[kind]}")
        told = found.corrected
        if told.photos:
            console.print(
                f"Of {told.photos} corrected photos, {told.right_before} are correct now, {told.right_after} would be."
            )
        for item in found.items[:20]:
            console.print(f"  {item.name}: {_said(item.before)} → {_said(item.after)}")

    output.emit(ctx, found.to_json(), human)


@click.command()
@click.pass_context
def corrections(ctx: click.Context) -> None:
    """List corrected photos that are not yet samples of the bank."""
    settings = output.state(ctx).settings
    found = proposals(settings, Ledger.connect(settings), bank_store(ctx))

    def human(console: Console) -> None:
        cells = [
            (f"{row.job}:{row.index}", row.name, row.predicted, row.label, _remark(row)) for row in found.proposals
        ]
        console.print(output.table(("photo", "name", "predicted", "corrected", ""), cells))
        if found.other_model:
            console.print(f"{found.other_model} more were corrected with another model and cannot be added.")

    output.emit(ctx, found.to_json(), human)


@click.command()
@click.argument("photos", nargs=-1, metavar="[JOB:INDEX]...")
@click.option("--publish", is_flag=True, help="Make the new version active.")
@click.pass_context
def add(ctx: click.Context, photos: tuple[str, ...], publish: bool) -> None:
    """Create a new version with corrected photos as samples: those given as in `weft bank corrections`, or all.

    Without arguments, photos with contradictory corrections are skipped.
    """
    from shared.curation.additions import Place, add_corrections

    settings = output.state(ctx).settings
    places: list[Place] = []
    for photo in photos:
        job, _, index = photo.partition(":")
        if not index.isdecimal():
            raise click.BadParameter(f"{photo} must have the form JOB:INDEX", param_hint="JOB:INDEX")
        places.append((job, int(index)))
    with output.progress("Choosing the ranking") as bar:
        made = add_corrections(
            settings,
            Ledger.connect(settings),
            bank_store(ctx).manifest().version,
            places=places or None,
            progress=lambda stage, done, total: bar(done, total),
        )
    _made(ctx, made, publish)


@click.command(name="set-aside")
@click.argument("samples", nargs=-1, required=True, metavar="SAMPLE...")
@click.option("--publish", is_flag=True, help="Make the new version active.")
@click.pass_context
def set_aside(ctx: click.Context, samples: tuple[str, ...], publish: bool) -> None:
    """Create a new version without these samples (IDs); `weft bank restore-samples` restores them."""
    from shared.curation.derive import Change, derive

    settings = output.state(ctx).settings
    with output.progress("Choosing the ranking") as bar:
        made = derive(
            settings,
            bank_store(ctx).manifest().version,
            Change(aside=dict.fromkeys(samples, "by_hand")),
            origin=Origin.CURATE,
            progress=lambda stage, done, total: bar(done, total),
        )
    _made(ctx, made, publish)


def _made(ctx: click.Context, version: str, publish: bool) -> None:
    store = bank_store(ctx).of_version(version)
    if publish:
        store.publish(version)
    counts = store.manifest(version).counts
    document = {"version": version, "published": publish, "counts": counts.to_json()}
    then = "It is active." if publish else f"`weft bank publish {version}` makes it active."
    output.emit(ctx, document, f"Bank {version}: {counts.samples} samples of {counts.classes} classes. {then}")


def _said(answer: Answer) -> str:
    if answer.verdict is Verdict.NOT_IN_BANK:
        return "not in bank"
    return f"{answer.label}{'?' if answer.verdict is Verdict.UNSURE else ''}"


def _remark(row: Proposal) -> str:
    remarks = [words for holds, words in ((row.new_class, "new class"), (row.disputed, "disputed")) if holds]
    return ", ".join(remarks)


COMMANDS = (diff, preview, *map(with_bank, (corrections, add, set_aside)))
