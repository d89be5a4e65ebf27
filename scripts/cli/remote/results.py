"""`weft export` and `weft classify` with a server elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scripts.cli import output
from scripts.cli.remote.server import Server, part
from shared.core.messages import sentence
from shared.jobs.result_filters import SORTS
from shared.jobs.reviews import ReviewState
from shared.ranking.model import Verdict

#: What the API writes of a job, one file each; a server refuses a format that it does not have.
FORMATS = ("csv", "xlsx", "jsonl", "parquet", "coco", "fiftyone", "label-studio", "folders")


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--format", "kind", type=click.Choice(FORMATS), default="csv", show_default=True)
@click.option(
    "-o", "--output", "target", type=click.Path(dir_okay=False, path_type=Path), help="Output file; default: stdout."
)
@click.option("--label", help="Only this class, by label, name or alias; corrections take precedence over predictions.")
@click.option("--verdict", type=click.Choice([verdict.value for verdict in Verdict]), help="Only this verdict.")
@click.option("--status", type=click.Choice(["ok", "failed"]), help="Only photos with this status.")
@click.option("--code", help="Only photos that failed for this reason, e.g. truncated.")
@click.option("--min-confidence", type=click.FloatRange(0, 1), help="Only photos with at least this confidence.")
@click.option("--max-confidence", type=click.FloatRange(0, 1), help="Only photos with at most this confidence.")
@click.option(
    "--review",
    type=click.Choice([*(state.value for state in ReviewState), "reviewed"]),
    help="Only photos that people said this of; reviewed: anything.",
)
@click.option("--search", help="Only files whose name contains this.")
@click.option("--sort", type=click.Choice(SORTS), default="index", show_default=True)
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
