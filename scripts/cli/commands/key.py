"""`weft key`: who may use the pages and the API."""

from __future__ import annotations

import click

from scripts.cli import output
from shared.core.api_keys import Keys
from shared.core.messages import sentence


@click.group()
def command() -> None:
    """Add, list and remove keys. Until the first one, and after `off`, everybody who reaches the server may use it."""


@command.command()
@click.argument("name")
@click.pass_context
def add(ctx: click.Context, name: str) -> None:
    """Make a key called NAME and print it, once. It is needed from the next request on."""
    key = Keys.of(output.state(ctx).settings).add(name)
    output.emit(ctx, {"name": name, "key": key}, key)


@command.command("list")
@click.pass_context
def listed(ctx: click.Context) -> None:
    """List keys by name; what they are is not kept."""
    keys = Keys.of(output.state(ctx).settings)
    found, required = keys.rows(), keys.required()
    none = sentence("no_key_left") if required else "No keys: everybody who reaches the server may use it."
    rows = [(name, output.when(row["created"])) for name, row in sorted(found.items())]
    output.emit(
        ctx,
        {
            "keys": [{"name": name, "created": row["created"]} for name, row in sorted(found.items())],
            "required": required,
        },
        lambda console: console.print(output.table(("name", "created"), rows) if rows else none),
    )


@command.command()
@click.argument("name")
@click.pass_context
def remove(ctx: click.Context, name: str) -> None:
    """Remove the key NAME; it opens nothing from the next request on."""
    keys = Keys.of(output.state(ctx).settings)
    keys.remove(name)
    left = len(keys.rows())
    text = f"{name} is removed; {left} left."
    if not left:
        text += " " + sentence("no_key_left")
    output.emit(ctx, {"name": name, "removed": True, "left": left}, text)


@command.command()
@click.pass_context
def off(ctx: click.Context) -> None:
    """Remove all keys and ask for none: everybody who reaches the server may use it again."""
    removed = Keys.of(output.state(ctx).settings).off()
    text = f"{removed} removed. Everybody who reaches the server may use it now."
    output.emit(ctx, {"required": False, "removed": removed}, text)
