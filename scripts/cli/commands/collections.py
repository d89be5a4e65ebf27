"""`weft collection`: folders with rules, of which every run classifies only what is new or changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from scripts.cli import follow, moments, output, submission
from shared.bank.store import BankStore
from shared.collections.collection import Rules
from shared.collections.export import MEDIA_TYPES, require, stream
from shared.collections.results import CollectionResults
from shared.collections.runs import Run, RunState
from shared.collections.schedule import Schedule
from shared.collections.shown import (
    STATES,
    TELLING_RUNS,
    expected_seconds,
    overview,
    shown_collection,
    shown_run,
    told,
    waits,
)
from shared.collections.store import Collections, Wish
from shared.core.errors import Conflict, Unavailable
from shared.core.i18n import gettext as _
from shared.core.messages import sentence
from shared.core.settings import Settings
from shared.core.window import time_and_zone
from shared.jobs.ledger import Ledger
from shared.jobs.model import Priority
from shared.jobs.splitting import Split

F = TypeVar("F", bound=Callable[..., Any])

_POLL_SECONDS = 0.2
#: Seconds for which a dispatcher may be missing.
_DISPATCHER_SECONDS = 10.0


def _about(required: bool) -> Callable[[F], F]:
    """The options that say what a collection is."""
    options = (
        click.option("--folder", "folders", multiple=True, required=required, help="Folder on the server; repeatable."),
        click.option("--include", multiple=True, help="Only files that fit this pattern, e.g. 'A*/front/*'."),
        click.option("--exclude", multiple=True, help="No files that fit this pattern, e.g. 'thumbs/'."),
        click.option("--format", "formats", multiple=True, help="Only files with this ending, e.g. jpg."),
        click.option("--depth", type=click.IntRange(-1, 1000), help="Levels of sub-folders; -1: all."),
        click.option("--hidden/--no-hidden", default=None, help="Also files and folders that begin with a dot."),
        click.option("--links/--no-links", default=None, help="Also follow links to folders."),
        click.option("--truth/--no-truth", default=None, help="Sub-folders name the true classes."),
        click.option("--swatches/--no-swatches", default=None, help="Every swatch of a card is a photo of its own."),
        click.option("--watch/--no-watch", default=None, help="Begin a run when photos have arrived."),
        click.option("--preset", type=submission.PresetName(), help="Ranking settings; default: precise."),
        click.option("--bank", help="Bank, by ID or name; its active version is used. '' for the default bank."),
        click.option("--priority", type=click.Choice([one.value for one in Priority]), help="Before or after others."),
        click.option("--at", metavar="HH:MM", help="Run every day at this time. '' for no schedule."),
        click.option("--days", default="", metavar="DAYS", help="With --at: only on these days, e.g. mon-fri."),
        click.option("--cron", help="Run as this cron expression says, e.g. '30 22 * * mon-fri'. '' for no schedule."),
        click.option("--window", help="Its jobs work at these hours only, e.g. 20:00-07:00. '' for always."),
        click.option("--by", metavar="HH:MM", help="A run should be done by this time. '' for no such time."),
        click.option("--zone", default="", help="Time zone of these, e.g. Asia/Shanghai; default: the server's."),
    )

    def with_options(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return with_options


@click.group()
def command() -> None:
    """Collections: folders of which every run classifies only what is new or changed."""


@command.command()
@click.argument("name")
@_about(required=True)
@click.pass_context
def new(ctx: click.Context, /, name: str, **said: Any) -> None:
    """Make the collection NAME; `weft collection run NAME` classifies its photos."""
    collections = _of_server(output.state(ctx).settings)
    made = collections.new(_wish(name, None, said))
    output.record(ctx, "collection_made", made.id)
    output.emit(ctx, shown_collection(overview(collections, made)), f"{made.id}  {made.name}")


@command.command()
@click.argument("collection")
@click.option("--name", help="Another name.")
@_about(required=False)
@click.pass_context
def edit(ctx: click.Context, /, collection: str, name: str | None, **said: Any) -> None:
    """Change COLLECTION (ID or name): what is given replaces what was, the rest stays."""
    collections = _of_server(output.state(ctx).settings)
    made = collections.change(collection, _wish(name, collections.find(collection).rules, said))
    output.record(ctx, "collection_changed", made.id)
    output.emit(ctx, shown_collection(overview(collections, made)), f"{made.id}  {made.name}")


@command.command(name="list")
@click.pass_context
def list_collections(ctx: click.Context) -> None:
    """List all collections."""
    collections = Collections(output.state(ctx).settings)
    found = [overview(collections, one) for one in collections.list()]

    def human(console: Console) -> None:
        rows = [
            (
                *(one.collection.id, one.collection.name, one.known["present"]),
                *(_last(one.runs), output.when(one.next_run)),
            )
            for one in found
        ]
        columns = ("id", "name", "photos", "last run", "next run")
        console.print(output.table(columns, rows, frozenset({"photos"})) if rows else "weft collection new NAME …")

    output.emit(ctx, {"collections": [shown_collection(one) for one in found]}, human)


@command.command()
@click.argument("collection")
@click.option("--runs", type=click.IntRange(1, 500), default=10, show_default=True, help="Number of runs to show.")
@click.pass_context
def show(ctx: click.Context, collection: str, runs: int) -> None:
    """Show COLLECTION (ID or name) and its last runs."""
    collections = Collections(output.state(ctx).settings)
    found = overview(collections, collections.find(collection), runs)

    def human(console: Console) -> None:
        own, known = found.collection, found.known
        console.print(f"{own.name} ({own.id})")
        for folder in own.folders:
            console.print(f"  {folder}", markup=False)
        if own.watch:
            console.print(waits(found) or _("Watched"), markup=False)
        console.print(_("%(present)s photos, %(gone)s no longer there", present=known["present"], gone=known["gone"]))
        for run in found.runs:
            console.print(f"{output.when(run.asked)}  {_(STATES[run.state])}  {run.job or ''}", markup=False)
            for line in told(run):
                console.print(f"    {line}", markup=False)

    answer = {**shown_collection(found), "runs": [shown_run(run) for run in found.runs]}
    output.emit(ctx, answer, human)


@command.command()
@click.argument("collection")
@click.option("--all", "everything", is_flag=True, help="All photos, not only new and changed ones.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]), help="Only files changed since then.")
@click.option("--dry-run", "dry", is_flag=True, help="Only look: print counts and how long it may take.")
@click.option("--watch", is_flag=True, help="Follow the job until it is finished.")
@click.pass_context
def run(ctx: click.Context, collection: str, everything: bool, since: Any, dry: bool, watch: bool) -> None:
    """Run COLLECTION (ID or name) now: the dispatcher looks for new and changed photos and submits them as a job.

    Waits until that is done; a run that is interrupted here is done all the same. Exit code 1 if it was refused.
    """
    settings = output.state(ctx).settings
    ledger, collections = Ledger.connect(settings), Collections(settings)
    own = collections.find(collection)
    with collections.index(own.id) as index:
        asked = index.runs.ask(everything=everything, since=since.timestamp() if since else None, dry=dry)
    output.record(ctx, "collection_run", own.id)
    done = _await(ledger, collections, own.id, asked.id)
    if done is None:
        output.note(sentence("dispatcher_not_running"))
        output.fail(ctx, shown_run(asked))
    found = overview(collections, own, TELLING_RUNS)
    seconds = expected_seconds(ledger, found.runs, done.counts.get("chosen", 0))

    def human(console: Console) -> None:
        for line in told(done):
            console.print(line, markup=False)
        if done.job:
            console.print(f"{_('Job')} {done.job}")
        if seconds and done.counts.get("chosen"):
            console.print(_("About %(time)s at the rate of the last run", time=output.span(seconds)))

    if done.state is RunState.REFUSED:
        output.fail(ctx, shown_run(done), human)
    if watch and done.job:
        human(Console(stderr=True, highlight=False))
        follow.watch(ctx, settings, BankStore(settings), done.job)
    else:
        output.emit(ctx, shown_run(done, seconds), human)


@command.command()
@click.argument("collection")
@click.option("--yes", is_flag=True, help="Delete it; without this, nothing changes.")
@click.pass_context
def delete(ctx: click.Context, collection: str, yes: bool) -> None:
    """Delete COLLECTION (ID or name): what is known of its files. Its jobs and the photos stay."""
    collections = Collections(output.state(ctx).settings)
    own = collections.find(collection)
    if not yes:
        output.emit(ctx, {"id": own.id, "deleted": False}, f"{own.id}: run with --yes to delete it.")
        return
    collections.delete(own.id)
    output.record(ctx, "collection_deleted", own.id)
    output.emit(ctx, {"id": own.id, "deleted": True}, f"{own.id}: deleted")


@command.command()
@click.argument("collection")
@click.option("--format", "kind", type=click.Choice(list(MEDIA_TYPES)), default="csv", show_default=True)
@click.option(
    "-o", "--output", "target", type=click.Path(dir_okay=False, path_type=Path), help="Output file; default: stdout."
)
@click.pass_context
def export(ctx: click.Context, collection: str, kind: str, target: Path | None) -> None:
    """Export the latest result and review of every photo of COLLECTION (ID or name)."""
    require(kind)
    output.require_target(ctx, target)
    settings = output.state(ctx).settings
    ledger, collections = Ledger.connect(settings), Collections(settings)
    own = collections.find(collection)
    with collections.index(own.id) as index:
        count = index.counts()["present"]
        pieces = stream(CollectionResults(settings, ledger, own, index), kind)
        size = output.deliver(pieces, target)
    if size is None:
        return
    done = {"collection": own.id, "format": kind, "file": str(target), "files": count, "bytes": size}
    output.emit(ctx, done, f"{count} files in {target}")


@command.command()
@click.argument("collection")
@click.option("-o", "--output", "target", type=click.Path(dir_okay=False, path_type=Path), help="Default: stdout.")
@click.pass_context
def report(ctx: click.Context, collection: str, target: Path | None) -> None:
    """Write COLLECTION (ID or name) on one HTML page: what its last run found, classes, least certain photos."""
    try:
        from scripts.cli.collection_report import page
    except ImportError as error:
        raise Conflict("report_needs_package", package="weft[web]") from error
    output.require_target(ctx, target)
    settings = output.state(ctx).settings
    own = Collections(settings).find(collection)
    size = output.deliver(iter([page(settings, own).encode()]), target)
    if size is not None:
        done = {"collection": own.id, "file": str(target), "bytes": size}
        output.emit(ctx, done, f"{own.name}: {target}")


def _of_server(settings: Settings) -> Collections:
    """With the folders that the running server may read; without one, those of this shell's settings."""
    try:
        roots = Ledger.connect(settings).folder_roots()
    except Unavailable:
        roots = None
    return Collections(settings, roots)


def _await(ledger: Ledger, collections: Collections, collection: str, run_id: str) -> Run | None:
    """The run once its photos are known, or it is refused; None where there is no dispatcher that would do it."""
    missing = 0
    with output.progress(_("Looking for new photos")) as show:
        while True:
            with collections.index(collection) as index:
                found = index.runs.find(run_id)
            if found.state not in (RunState.WAITING, RunState.LOOKING, RunState.SUBMITTING):
                return found
            # A dispatcher that is being replaced is back within seconds, as is Redis.
            patient = missing * _POLL_SECONDS < _DISPATCHER_SECONDS
            try:
                missing = 0 if ledger.has_dispatcher() else missing + 1
            except Unavailable:
                if not patient:
                    raise
                missing += 1
            else:
                if missing and not patient:
                    return None
            show(found.counts.get("found", 0), None, _(STATES[found.state]))
            time.sleep(_POLL_SECONDS)


def _wish(name: str | None, rules: Rules | None, said: dict[str, Any]) -> Wish:
    given = {one: said[one] for one in ("include", "exclude", "formats") if said[one]}
    given |= {one: said[one] for one in ("hidden", "links", "truth") if said[one] is not None}
    if said["swatches"] is not None:
        given["split"] = Split.SWATCHES if said["swatches"] else None
    if said["depth"] is not None:
        given["depth"] = None if said["depth"] < 0 else said["depth"]
    return Wish(
        name=name,
        folders=tuple(said["folders"]) or None,
        rules=(rules or Rules()).model_copy(update=given) if given else None,
        preset=said["preset"],
        bank=said["bank"],
        priority=Priority(said["priority"]) if said["priority"] else None,
        watch=said["watch"],
        schedule=_schedule(said),
        window=moments.hours(said["window"], said["zone"]),
        by=time_and_zone(said["by"], said["zone"]) if said["by"] else said["by"],
    )


def _schedule(said: dict[str, Any]) -> Schedule | None:
    if said["at"] is None and said["cron"] is None:
        return None
    days = _days(said["days"])
    return Schedule(at=said["at"] or "", days=days, zone=said["zone"], cron=said["cron"] or "")


def _days(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def _last(runs: list[Run]) -> str:
    return f"{output.when(runs[0].asked)} {_(STATES[runs[0].state])}" if runs else ""
