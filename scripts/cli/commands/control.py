"""A command for each verb of `shared.jobs.states.VERBS`: `weft cancel`, `pause`, `resume`, `retry`."""

from __future__ import annotations

import click

from scripts.cli import output
from shared.jobs.ledger import Ledger
from shared.jobs.shown import shown_job
from shared.jobs.states import VERBS


def __getattr__(verb: str) -> click.Command:
    """The command of a verb, for the table of commands."""
    if verb not in VERBS:
        raise AttributeError(verb)

    @click.command(verb, help=VERBS[verb].help)
    @click.argument("job_id", metavar="ID")
    @click.pass_context
    def command(ctx: click.Context, job_id: str) -> None:
        job = Ledger.connect(output.state(ctx).settings).steer(job_id, verb)
        output.record(ctx, f"job_{verb}", job.id)
        output.emit(ctx, shown_job(job), f"{job.id}  {job.name}: {job.state.value}")

    return command
