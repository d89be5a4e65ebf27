"""`weft key`: who may use the pages and the API."""

from __future__ import annotations

import click

from scripts.cli import output
from shared.core.api_keys import Keys
from shared.core.messages import sentence


@click.group()
def command() -> None:
    """Add, list and remove access keys. Before the first key and after `off`, the server requires none."""


@command.command()
@click.argument("name")
@click.pass_context
def add(ctx: click.Context, name: str) -> None:
    """Create a key called NAME and print it once. Keys are required from the next request on."""
    key = Keys.of(output.state(ctx).settings).add(name)
    output.emit(ctx, {"name": name, "key": key}, key)


@command.command("list")
@click.pass_context
def listed(ctx: click.Context) -> None:
    """List key names; the keys themselves are not stored."""
    keys = Keys.of(output.state(ctx).settings)
    found, required = keys.rows(), keys.required()
    none = sentence("no_key_left") if required else "No keys: the server requires none."
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
    """Revoke the key NAME, effective from the next request on."""
    keys = Keys.of(output.state(ctx).settings)
    keys.remove(name)
    left = len(keys.rows())
    text = f"Key {name} revoked; {left} left."
    if not left:
        text += " " + sentence("no_key_left")
    output.emit(ctx, {"name": name, "removed": True, "left": left}, text)


@command.command()
@click.pass_context
def off(ctx: click.Context) -> None:
    """Remove all keys and stop requiring one."""
    removed = Keys.of(output.state(ctx).settings).off()
    text = f"{removed} keys removed; the server no longer requires a key."
    output.emit(ctx, {"required": False, "removed": removed}, text)
