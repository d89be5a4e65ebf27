"""`weft audit`: who did what, and who was refused."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import click

from scripts.cli import output
from shared.access.audit import ACTS, Audit


@click.command()
@click.option("--who", help="Only this name.")
@click.option("--act", help="Only this act, or all that begin so: job, key, bank, login …")
@click.option("--what", help="Only this job, key or version.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Maximum number of events."
)
@click.pass_context
def command(ctx: click.Context, who: str | None, act: str | None, what: str | None, limit: int) -> None:
    """Show the audit log, newest first."""
    found = Audit(output.state(ctx).settings).events(who, act, what, limit=limit)
    rows = [
        (datetime.fromtimestamp(e.at).strftime("%Y-%m-%d %H:%M:%S"), e.who, e.act, e.what, e.via, e.address)
        for e in found
    ]
    table = output.table(("when", "who", "act", "what", "via", "address"), rows)
    output.emit(ctx, {"events": [asdict(e) for e in found]}, lambda console: console.print(table))


command.help = f"{command.help}\n\nActs: {', '.join(ACTS)}."
