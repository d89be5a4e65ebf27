"""`weft bank class …`, `add-photos` and `draft`: changes of classes, collected in the draft as on the bank's page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from scripts.cli import output
from scripts.cli.bank_option import bank_store
from shared.bank.drafts import Drafts
from shared.bank.manifest import Manifest
from shared.bank.store import BankStore
from shared.core.errors import InvalidRequest
from shared.curation import edits
from shared.curation.edits import ClassWish, Edit
from shared.photos.formats import is_photo_name


@click.group(name="class")
def group() -> None:
    """Make, rename, merge, split and delete classes. Each change joins the draft (see weft bank draft)."""


_ZH = click.option("--zh", help="Chinese name.")
_EN = click.option("--en", help="English name.")
_ALIASES = click.option("--alias", "aliases", multiple=True, help="Another name; give it several times for several.")
_PARENT = click.option("--parent", help='The group of classes that it belongs to; "" takes it away.')
_NOTES = click.option("--notes", help="What people should know of the class.")


@group.command()
@_ZH
@_EN
@_ALIASES
@_NOTES
@_PARENT
@click.pass_context
def new(
    ctx: click.Context,
    zh: str | None,
    en: str | None,
    aliases: tuple[str, ...],
    notes: str | None,
    parent: str | None,
) -> None:
    """Make a class without samples; weft bank add-photos adds them."""
    store, manifest = _base(ctx)
    wish = ClassWish(zh=zh, en=en, aliases=list(aliases), notes=notes, parent=parent)
    _make(ctx, store, manifest, Edit(classes=[edits.new_class(manifest, wish)]))


@group.command()
@click.argument("label")
@_ZH
@_EN
@_ALIASES
@_NOTES
@_PARENT
@click.pass_context
def rename(
    ctx: click.Context,
    label: str,
    zh: str | None,
    en: str | None,
    aliases: tuple[str, ...],
    notes: str | None,
    parent: str | None,
) -> None:
    """Name the class LABEL (any of its names) again; what is not given stays. Its label stays, too."""
    store, manifest = _base(ctx)
    wish = ClassWish(zh=zh, en=en, aliases=list(aliases) or None, notes=notes, parent=parent)
    _make(ctx, store, manifest, edits.naming(manifest, label, wish))


@group.command()
@click.argument("label")
@click.argument("into")
@click.pass_context
def merge(ctx: click.Context, label: str, into: str) -> None:
    """Move all samples of the class LABEL to INTO, which takes its names as aliases."""
    store, manifest = _base(ctx)
    _make(ctx, store, manifest, edits.merging(store, manifest.version, label, into))


@group.command()
@click.argument("samples", nargs=-1, required=True, metavar="SAMPLE...")
@click.option("--to", help="The class that they go to; without it, a new class of the names given.")
@_ZH
@_EN
@click.pass_context
def move(ctx: click.Context, samples: tuple[str, ...], to: str | None, zh: str | None, en: str | None) -> None:
    """Move samples (IDs) to another class, or to a new one: that splits a class."""
    store, manifest = _base(ctx)
    _make(ctx, store, manifest, edits.moving(manifest, samples, to, ClassWish(zh=zh, en=en)))


@group.command()
@click.argument("label")
@click.pass_context
def remove(ctx: click.Context, label: str) -> None:
    """Delete the class LABEL: its samples are excluded and can be restored."""
    store, manifest = _base(ctx)
    _make(ctx, store, manifest, edits.removing(manifest, label))


@click.command(name="add-photos")
@click.argument("label")
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PHOTO...")
@click.pass_context
def add_photos(ctx: click.Context, label: str, photos: tuple[Path, ...]) -> None:
    """Put photos (files and folders) into the class LABEL (any of its names). Joins the draft."""
    store, manifest = _base(ctx)
    entry = edits.find(manifest, label)
    found = [path for given in photos for path in (sorted(given.rglob("*")) if given.is_dir() else [given])]
    files = [path for path in found if not path.is_dir() and (path in photos or is_photo_name(path.name))]
    if not files:
        raise InvalidRequest("no_photos")
    _make(ctx, store, manifest, Edit(), [(entry.label, path) for path in files])


@click.command()
@click.option("--undo", is_flag=True, help="Take the last change back.")
@click.option("--discard", is_flag=True, help="End the draft; the active version stays as it is.")
@click.pass_context
def draft(ctx: click.Context, undo: bool, discard: bool) -> None:
    """Show the draft, or take its last change back, or discard it. `weft bank publish` makes it active."""
    drafts = Drafts(bank_store(ctx))
    if undo and discard:
        raise click.UsageError("--undo and --discard exclude each other")
    if undo:
        output.record(ctx, "bank_change_undone", drafts.undo() or "")
    if discard:
        drafts.discard()
        output.record(ctx, "bank_draft_discarded")
    versions = drafts.versions()
    document = {"version": versions[-1] if versions else None, "versions": versions}
    if versions:
        text = f"Draft {versions[-1]}: {len(versions)} changes. `weft bank publish {versions[-1]}` makes them active."
    else:
        text = "There is no draft."
    output.emit(ctx, document, text)


def _base(ctx: click.Context) -> tuple[BankStore, Manifest]:
    """The draft, or else the active version."""
    store = bank_store(ctx)
    return store, store.manifest(Drafts(store).head())


def _make(
    ctx: click.Context, store: BankStore, base: Manifest, edit: Edit, photos: Sequence[tuple[str, Path]] = ()
) -> None:
    from shared.curation.build import Photo
    from shared.curation.editing import edit_bank

    taken = [Photo(label, f"{label}/{path.name}", path) for label, path in photos]
    with output.progress("Choosing the ranking") as bar:
        version = edit_bank(
            output.state(ctx).settings,
            base.version,
            edit,
            taken,
            progress=lambda _stage, done, total: bar(done, total),
        )
    Drafts(store).extend(version, base.version)
    made = store.manifest(version)
    document = {
        "version": version,
        "draft": True,
        "counts": made.counts.to_json(),
        "skipped": [photo.to_json() for photo in made.skipped],
    }
    lines = [f"  skipped {photo.name}: {photo.code}" for photo in made.skipped]
    lines.append(
        f"Draft {version}: {made.counts.samples} samples of {made.counts.classes} classes. "
        f"`weft bank publish {version}` makes it active."
    )
    output.emit(ctx, document, "\n".join(lines))


#: Those about one class.
GROUP = (new, rename, merge, move, remove)
COMMANDS = (group, add_photos, draft)
