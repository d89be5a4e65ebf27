"""`weft jobs`, `weft watch` and what is done with a job, of a server elsewhere."""

from __future__ import annotations

import time
from dataclasses import fields
from typing import Any, NoReturn

import click

from scripts.cli import follow, output
from scripts.cli.job_options import change_options, list_options
from scripts.cli.lines import Lines
from scripts.cli.moments import NONE, due, hours
from scripts.cli.remote.server import Server, part
from shared.core.i18n import gettext as _
from shared.core.messages import sentence
from shared.jobs.estimate import Estimate
from shared.jobs.model import Job, JobState, Lane, Priority
from shared.jobs.states import VERBS

#: Seconds between two looks.
POLL_INTERVAL = 1.0
#: Of the API's lists.
_PAGE = 500


def job_of(shown: dict[str, Any]) -> Job:
    """The job that the API shows, for the words of the command line."""
    known = {field.name for field in fields(Job)}
    values = {name: value for name, value in shown.items() if name in known}
    try:
        values["state"] = JobState(shown["state"])
    except ValueError:
        # Of a newer server.
        values["state"] = JobState.RUNNING
    values["priority"] = Priority(shown.get("priority") or Priority.NORMAL)
    if between := shown.get("done_between"):
        another = shown.get("with_another_worker") or shown["done_at"]
        values["estimate"] = Estimate(shown["done_at"], between[0], between[1], 0, another)
    values |= {"lane": Lane.BULK, "identity": "", "listed": values["state"] is not JobState.LISTING}
    return Job(**values)


def _one_line(shown: dict[str, Any]) -> str:
    return f"{shown['id']}  {shown['name']}: {shown['state']}"


@click.command()
@list_options
@click.pass_context
def jobs(ctx: click.Context, limit: int, owner: str | None, search: str, archived: bool | None) -> None:
    """List the server's jobs, newest first."""
    server = Server.of(output.state(ctx))
    found: list[dict[str, Any]] = []
    before = None
    while len(found) < limit:
        wanted = min(_PAGE, limit - len(found))
        page = server.get("/jobs", limit=wanted, before=before, owner=owner, search=search, archived=archived)
        found += page["jobs"]
        before = page["next"]
        if before is None:
            break
    output.emit(ctx, {"jobs": found}, lambda console: console.print(follow.job_table([job_of(one) for one in found])))


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--lines", is_flag=True, help="Print one JSON object per line as the job moves, the outcome last.")
@click.pass_context
def watch(ctx: click.Context, job_id: str, lines: bool) -> None:
    """Follow the server's job ID until it ends; a server or a network that is away for some minutes is awaited.

    Exit code 0 if every photo has a result, 3 if some failed, 1 if all failed, the job was cancelled, or the server
    stayed away.
    """
    told = Lines.chosen(ctx, lines)
    watched(ctx, Server.of(output.state(ctx), told), job_id, told)


def watched(ctx: click.Context, server: Server, job_id: str, told: Lines, missed: bool = False) -> NoReturn:
    """Follow a job to its end, print how it went, and end with its exit code; `missed`: photos are not in it that
    should be. Raises as `Server.call`."""
    try:
        shown = _followed(server, job_id, told)
        summary = server.get(f"/jobs/{part(job_id)}/summary")
    except KeyboardInterrupt:
        output.note(sentence("watch_interrupted", job=job_id))
        raise
    follow.end(ctx, told, job_of(shown), {**shown, "summary": summary}, missed)


def _followed(server: Server, job_id: str, told: Lines) -> dict[str, Any]:
    with output.progress("…") as show:
        while True:
            shown: dict[str, Any] = server.get(f"/jobs/{part(job_id)}")
            job = job_of(shown)
            show(job.done, job.total if job.listed else None, follow.caption(job, shown.get("message") or ""))
            told.moved("progress", (job.state, job.done, job.total, job.waiting_for), job=shown)
            if job.ended:
                return shown
            time.sleep(POLL_INTERVAL)


def _verb(name: str) -> click.Command:
    @click.command(name, help=VERBS[name].help)
    @click.argument("job_id", metavar="ID")
    @click.pass_context
    def command(ctx: click.Context, job_id: str) -> None:
        shown = Server.of(output.state(ctx)).call("POST", f"/jobs/{part(job_id)}/{name}")
        output.emit(ctx, shown, _one_line(shown))

    return command


def __getattr__(name: str) -> click.Command:
    """The command of a verb of `shared.jobs.states.VERBS`, for the table of commands."""
    if name not in VERBS:
        raise AttributeError(name)
    return _verb(name)


@click.command()
@click.argument("job_id", metavar="ID")
@change_options
@click.pass_context
def change(
    ctx: click.Context,
    job_id: str,
    name: str | None,
    priority: str | None,
    window: str | None,
    zone: str,
    by: float | str | None,
    first: bool | None,
) -> None:
    """Change the server's job ID: its name, its priority, the hours in which it works, when it should be done."""
    asked = {"name": name, "priority": priority, "window": hours(window, zone), "first": first}
    change: dict[str, object] = {key: value for key, value in asked.items() if value is not None}
    if by is not None:
        change["deadline"] = None if by == NONE else due(by, None)
    if not change:
        raise click.UsageError(_("Say what to change: --name, --priority, --window, --by or --first"))
    shown = Server.of(output.state(ctx)).call("PATCH", f"/jobs/{part(job_id)}", change)
    told = _one_line(shown) + (f" · {shown['hours_message']}" if shown.get("hours_message") else "")
    output.emit(ctx, shown, told)


@click.command()
@click.argument("job_id", metavar="ID")
@click.argument("name")
@click.pass_context
def rename(ctx: click.Context, job_id: str, name: str) -> None:
    """Rename the server's job ID."""
    shown = Server.of(output.state(ctx)).call("PATCH", f"/jobs/{part(job_id)}", {"name": name})
    output.emit(ctx, shown, f"{shown['id']}  {shown['name']}")


@click.command()
@click.argument("job_id", metavar="ID")
@click.argument("level", type=click.Choice([priority.value for priority in Priority]))
@click.pass_context
def priority(ctx: click.Context, job_id: str, level: str) -> None:
    """Give the server's job ID a priority: high jobs get most of the next chunks, low ones what the others leave."""
    shown = Server.of(output.state(ctx)).call("PATCH", f"/jobs/{part(job_id)}", {"priority": level})
    output.emit(ctx, shown, f"{shown['id']}  {shown['name']}: {shown['priority']}")


@click.command()
@click.argument("job_id", metavar="ID")
@click.pass_context
def archive(ctx: click.Context, job_id: str) -> None:
    """Archive the server's ended job ID now: its results are kept, but it can no longer be retried."""
    shown = Server.of(output.state(ctx)).call("POST", f"/jobs/{part(job_id)}/archive")
    output.emit(ctx, shown, f"{job_id}: archived")


@click.command()
@click.argument("job_id", metavar="ID")
@click.pass_context
def delete(ctx: click.Context, job_id: str) -> None:
    """Delete the server's ended job ID permanently, including results and corrections."""
    Server.of(output.state(ctx)).call("DELETE", f"/jobs/{part(job_id)}")
    output.emit(ctx, {"deleted": job_id}, f"{job_id}: deleted")
