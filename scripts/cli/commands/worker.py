"""`weft worker`: one Celery worker with one warm engine."""

from __future__ import annotations

import socket

import click

from scripts.cli import output
from shared.core.settings import Settings
from shared.jobs.heartbeat import WorkerState, live_workers
from shared.jobs.ledger import Ledger
from shared.jobs.model import Lane


@click.command()
@click.option("--only", type=click.Choice([lane.value for lane in Lane]), help="Serve only this lane.")
@click.option("--check", is_flag=True, help="Health check: exit code 0 if this host's workers are healthy.")
@click.pass_context
def command(ctx: click.Context, only: str | None, check: bool) -> int | None:
    """Classify photos until stopped.

    Start more workers in other terminals, or on other machines with WEFT_REDIS_URL and shared storage, for more
    throughput. On SIGTERM or Ctrl-C a worker finishes its current photos before it exits.
    """
    settings = output.state(ctx).settings
    if check:
        return _check(settings)
    from worker.main import main

    main(settings, only)
    return None


def _check(settings: Settings) -> int:
    """Exit code for a container's health check: 0 where every worker of this host beats and none is in error."""
    beats = [beat for beat in live_workers(Ledger.connect(settings)) if beat.host == socket.gethostname()]
    well = bool(beats) and all(beat.state != WorkerState.ERROR for beat in beats)
    return output.OK if well else output.FAILED
