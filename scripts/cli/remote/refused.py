"""Commands that work on the server itself: about a server elsewhere, they say so in one sentence."""

from __future__ import annotations

import click

from scripts.cli import output
from scripts.cli.main import ELSEWHERE
from shared.core.errors import Conflict


def __getattr__(name: str) -> click.Command:
    """What stands for the command of this name; whatever is asked of it, nothing is looked at."""

    @click.command(name, add_help_option=False, context_settings={"ignore_unknown_options": True})
    @click.argument("rest", nargs=-1, type=click.UNPROCESSED)
    @click.pass_context
    def command(ctx: click.Context, rest: tuple[str, ...]) -> None:
        code = "only_on_server" if not output.state(ctx).client_only else "only_the_client"
        raise Conflict(code, command=f"weft {name}", others=", ".join(ELSEWHERE))

    if name.startswith("__"):
        raise AttributeError(name)
    return command
