"""`weft web`: the pages and the API, without anything numeric in the process."""

from __future__ import annotations

import click

from scripts.cli import output
from shared.access.exposure import check_exposure
from shared.jobs.ledger.server import require
from shared.storage import require_storage


@click.command()
@click.option("--host", help="Address to listen on (WEFT_HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (WEFT_PORT).")
@click.pass_context
def command(ctx: click.Context, host: str | None, port: int | None) -> None:
    """Serve the pages and the API.

    The ledger's Redis is the one of `weft up` on the same data folder, or WEFT_REDIS_URL.
    """
    from web import serve

    settings = output.state(ctx).settings
    changed = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update=changed)
    if warning := check_exposure(settings):
        output.note(warning)
    require(settings)
    if away := require_storage(settings):
        output.note(str(away))
    serve.run(settings)
