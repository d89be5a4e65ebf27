"""`weft cancel`, `pause`, `resume` and `retry`: steering one job."""

from __future__ import annotations

from collections.abc import Callable

import click

from scripts.cli import follow, output
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job


def _command(name: str, text: str, act: Callable[[Ledger, str], Job]) -> click.Command:
    @click.command(name, help=text)
    @click.argument("job_id", metavar="ID")
    @click.pass_context
    def command(ctx: click.Context, job_id: str) -> None:
        job = act(Ledger.connect(output.state(ctx).settings), job_id)
        output.emit(ctx, follow.document(job), f"{job.id}  {job.name}: {job.state.value}")

    return command


cancel = _command("cancel", "Cancel the job ID; completed results are kept.", Ledger.cancel)
pause = _command("pause", "Pause the job ID; photos already being processed are finished.", Ledger.pause)
resume = _command("resume", "Resume the paused job ID.", Ledger.resume)
retry = _command("retry", "Retry only the failed photos of the job ID.", Ledger.retry)
