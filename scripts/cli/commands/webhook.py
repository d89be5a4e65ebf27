"""`weft webhook test`: says to every receiver of WEFT_WEBHOOKS and WEFT_MAIL_TO that it works."""

from __future__ import annotations

import click

from scripts.cli import output
from shared.core.i18n import N_, gettext
from shared.jobs.webhook_sending import all_targets, send
from shared.jobs.webhook_targets import Told


@click.group()
def command() -> None:
    """Tell people and programs when a job has ended or is in trouble (WEFT_WEBHOOKS, WEFT_SMTP_URL)."""


@command.command()
@click.pass_context
def test(ctx: click.Context) -> None:
    """Send a message to every receiver, and print what came of it."""
    settings = output.state(ctx).settings
    words = gettext(N_("Weft can send messages here."), settings.lang)
    told = Told({"event": "test", "message": words}, "Weft", words, settings.public_url or None)
    outcomes = [
        {"kind": target.kind, "host": target.host, "error": send(target, told)} for target in all_targets(settings)
    ]
    lines = [f"{o['kind']:9} {o['host']}: {o['error'] or 'ok'}" for o in outcomes]
    document = {"webhooks": outcomes}
    if not outcomes:
        output.emit(ctx, document, "WEFT_WEBHOOKS is empty, and so is WEFT_SMTP_URL or WEFT_MAIL_TO.")
    elif any(o["error"] for o in outcomes):
        output.fail(ctx, document, "\n".join(lines))
    else:
        output.emit(ctx, document, "\n".join(lines))
