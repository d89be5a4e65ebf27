"""`weft gc`: frees the disk of what no job needs any more."""

from __future__ import annotations

import click

from scripts.cli import output
from shared.maintenance.gc import sweep


@click.command()
@click.option(
    "--days",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Minimum age in days of what is removed.",
)
@click.option("--dry-run", is_flag=True, help="Only print what would be removed.")
@click.pass_context
def command(ctx: click.Context, days: float, dry_run: bool) -> None:
    """Remove uploads and thumbnails that no job references; safe while Weft is running."""
    found = sweep(output.state(ctx).settings, 86400 * days, dry_run)
    document = {kind: {"files": swept.files, "bytes": swept.bytes} for kind, swept in found.items()}
    words = ", ".join(f"{s.files} {kind} ({s.bytes / 1e6:.1f} MB)" for kind, s in found.items())
    output.emit(ctx, {**document, "dry_run": dry_run}, f"{'would remove' if dry_run else 'removed'} {words}")
