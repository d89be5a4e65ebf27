"""`weft sort`: a job's photos as folders by class."""

from __future__ import annotations

import errno
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from scripts.cli import output
from shared.bank.class_names import class_names
from shared.bank.store import BankStore
from shared.core.errors import InvalidRequest
from shared.core.i18n import LazyText as _l
from shared.core.i18n import gettext as _
from shared.core.messages import sentence
from shared.jobs import export
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job
from shared.jobs.projection import caught_up
from shared.jobs.sorting import naming
from shared.jobs.sorting.outcome import Sorted, Way
from shared.jobs.sorting.sidecars import Sidecars
from shared.jobs.sorting.tree import Tree

#: Why a photo was not placed, in words.
REASONS = {
    "missing": _l("the photo is gone"),
    "changed": _l("the photo has been changed since it was classified"),
    "in_the_way": _l("another file is in its place"),
    "unreadable": _l("it cannot be read, or not be written"),
}


@click.command()
@click.argument("job_id", metavar="ID")
@click.option(
    "--into",
    "target",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the tree; made if it is missing.",
)
@click.option(
    "--by",
    "way",
    type=click.Choice([way.value for way in Way]),
    help="How photos are placed; default: link, for uploads copy. An edited hard link is an edited original.",
)
@click.option(
    "--template",
    default=naming.DEFAULT,
    show_default=True,
    help="Path of a photo; fields: " + ", ".join(f"{{{name}}}" for name in naming.FIELDS) + ".",
)
@click.option(
    "--names",
    type=click.Choice(["label", "zh", "en"]),
    default="label",
    show_default=True,
    help="What the folders of classes are called.",
)
@click.option("--xmp", is_flag=True, help="Write XMP sidecars with the class as keywords beside the sorted photos.")
@click.option(
    "--sidecars-beside-originals", "beside", is_flag=True, help="Write the XMP sidecars beside the originals instead."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--undo", is_flag=True, help="Remove what was made here for this job, except files changed since.")
@click.pass_context
def command(
    ctx: click.Context,
    job_id: str,
    target: Path,
    way: str | None,
    template: str,
    names: str,
    xmp: bool,
    beside: bool,
    dry_run: bool,
    undo: bool,
) -> None:
    """Sort the photos of the job ID into DIR, one folder per class; unsure, unknown, rejected and failed ones apart.

    The originals are never touched, and nothing in DIR is replaced. Run again, it adds what is missing and moves photos
    whose class has changed. Exit code 1 if a photo could not be placed.
    """
    if undo and (dry_run or xmp or beside):
        raise click.UsageError("--undo goes with --into alone")
    settings = output.state(ctx).settings
    ledger, banks = Ledger.connect(settings), BankStore(settings)
    job = ledger.find(job_id)
    tree = Tree(job, banks.storage, target, settings.data_dir)
    try:
        if undo:
            _undo(ctx, tree, job, target)
            return
        facts = export.bank_facts(banks, job, samples=False)
        place = naming.Template(template, _folders(facts.names, names), naming.APART_ZH if names == "zh" else None)
        sidecars = Sidecars(facts.names, beside) if xmp or beside else None
        if export.is_partial(job):
            output.note(sentence("export_is_partial", done=job.done, total=job.total, state=job.state.value))
        with (
            caught_up(settings, ledger, job.id, class_names(banks, job.bank)) as projection,
            output.progress(_("Sorting"), job.total) as show,
        ):
            found = tree.run(projection.rows(), place, Way(way) if way else None, sidecars, dry_run, show)
    except (OSError, sqlite3.OperationalError) as error:
        raise _unwritable(error, target) from error
    document: dict[str, Any] = {"job": job.id, "into": str(target), "dry_run": dry_run}
    # Not `asdict`: it counts a Counter's pairs.
    document |= {field.name: getattr(found, field.name) for field in fields(found)}
    document["by"] = way or ("link" if job.path is not None else "copy")
    if found.problems:
        output.fail(ctx, document, lambda console: _tell(console, found, target, dry_run))
    output.emit(ctx, document, lambda console: _tell(console, found, target, dry_run))


#: What the system says of a folder → the message for it.
_UNWRITABLE = {
    errno.EACCES: "sort_denied",
    errno.EPERM: "sort_denied",
    errno.EROFS: "sort_read_only",
    errno.ENOTDIR: "sort_no_folder",
    errno.EEXIST: "sort_no_folder",
}


def _unwritable(error: Exception, target: Path) -> InvalidRequest:
    """Why nothing can be sorted into the folder, in words."""
    number = error.errno if isinstance(error, OSError) else errno.EACCES
    path = (isinstance(error, OSError) and error.filename) or target
    # Of what Weft makes in there, people know nothing.
    shown = next((one for one in (Path(path), *Path(path).parents) if one.exists()), target)
    if number in _UNWRITABLE:
        return InvalidRequest(_UNWRITABLE[number], path=str(shown))
    return InvalidRequest("sort_unwritable", reason=getattr(error, "strerror", None) or str(error))


def _undo(ctx: click.Context, tree: Tree, job: Job, target: Path) -> None:
    with output.progress(_("Removing")) as show:
        undone = tree.undo(show)
    text = _("%(removed)s files removed from %(folder)s", removed=undone.removed, folder=target)
    if undone.left:
        text += "; " + _("%(count)s were changed since and stay", count=undone.left)
    output.emit(ctx, {"job": job.id, "into": str(target), **asdict(undone)}, text)


def _folders(names: Mapping[str, tuple[str, str]], wish: str) -> dict[str, str]:
    """Label → folder; two classes of one name stay apart."""
    if wish == "label":
        return {}
    called = {label: both[wish == "en"] or label for label, both in names.items()}
    times = Counter(called.values())
    return {label: name if times[name] == 1 else f"{name} ({label})" for label, name in called.items()}


def _tell(console: Console, found: Sorted, target: Path, dry: bool) -> None:
    if dry:
        console.print(_("Nothing is changed; without --dry-run, this would be done:"))
    console.print(
        _(
            "%(made)s placed, %(moved)s moved, %(kept)s already there in %(folder)s",
            made=found.made,
            moved=found.moved,
            kept=found.kept,
            folder=target,
        )
    )
    if found.changed:
        console.print(_("%(count)s of them were changed since and are left alone", count=found.changed))
    if found.sidecars:
        console.print(_("%(count)s sidecars written", count=found.sidecars))
    if found.sidecars_refused:
        console.print(_("%(count)s sidecars not written: another one is there", count=found.sidecars_refused))
    if found.without_file:
        console.print(_("%(count)s failed photos have no file", count=found.without_file))
    for folder, count in sorted(found.folders.items()):
        console.print(f"  {count:>7}  {folder}")
    for reason, count in found.problems.items():
        console.print(_("%(count)s not placed: %(reason)s", count=count, reason=REASONS[reason]))
        for name in found.named[reason]:
            console.print(f"           {name}")
