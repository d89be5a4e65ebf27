"""`weft export` and `weft classify` with a server elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scripts.cli import output
from scripts.cli.job_options import filter_options
from scripts.cli.remote.server import Server, part
from shared.core.messages import sentence

#: What the API writes of a job, one file each; a server refuses a format that it does not have.
FORMATS = ("csv", "xlsx", "jsonl", "parquet", "coco", "fiftyone", "label-studio", "folders")


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--format", "kind", type=click.Choice(FORMATS), default="csv", show_default=True)
@click.option(
    "-o", "--output", "target", type=click.Path(dir_okay=False, path_type=Path), help="Output file; default: stdout."
)
@filter_options
@click.option("--pictures", is_flag=True, help="XLSX only: show the first 2,000 photos.")
@click.pass_context
def export(ctx: click.Context, /, job_id: str, kind: str, target: Path | None, **query: Any) -> None:
    """Export the results of the server's job ID, including reviews; works while the job is running."""
    output.require_target(ctx, target)
    server = Server.of(output.state(ctx))
    job = server.get(f"/jobs/{part(job_id)}")
    if job["ok"] + job["failed"] < job["total"]:
        done = job["ok"] + job["failed"]
        output.note(sentence("export_is_partial", done=done, total=job["total"], state=job["state"]))
    size = output.deliver(server.stream(f"/jobs/{part(job_id)}/export", format=kind, **query), target)
    if size is not None:
        document = {"job": job_id, "format": kind, "file": str(target), "bytes": size}
        output.emit(ctx, document, f"{size:,} bytes in {target}")
