"""`weft key`: who may use the pages and the API."""

from __future__ import annotations

import click

from scripts import output
from shared.api_keys import Keys


@click.group()
def command() -> None:
    """Add, list and remove keys. Without any, everybody who reaches the server may use it."""


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
    found = Keys.of(output.state(ctx).settings).rows()
    rows = [(name, output.when(row["created"])) for name, row in sorted(found.items())]
    output.emit(
        ctx,
        {"keys": [{"name": name, "created": row["created"]} for name, row in sorted(found.items())]},
        lambda console: console.print(
            output.table(("name", "created"), rows) if rows else "No keys: everybody who reaches the server may use it."
        ),
    )


@command.command()
@click.argument("name")
@click.pass_context
def remove(ctx: click.Context, name: str) -> None:
    """Remove the key NAME; it opens nothing from the next request on."""
    keys = Keys.of(output.state(ctx).settings)
    keys.remove(name)
    left = len(keys.rows())
    output.emit(ctx, {"name": name, "removed": True, "left": left}, f"{name} is removed; {left} left.")
