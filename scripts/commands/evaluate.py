"""`weft evaluate`: how well a bank ranks, on its own photos or on a labelled folder."""

from __future__ import annotations

import click

from scripts import output


@click.command()
@click.argument("target", required=False)
@click.pass_context
def command(ctx: click.Context, target: str | None) -> None:
    """Measure TARGET: a bank version (default: the one in force), by leave-one-out."""
    from shared.bank.check import check_bank

    figures = check_bank(output.state(ctx).settings, target)["leave_one_out"]
    output.emit(ctx, figures, f"top-1 {figures['top1']:.1%}, top-5 {figures['top5']:.1%}" if figures else "no figures")
