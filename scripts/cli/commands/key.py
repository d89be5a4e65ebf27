"""`weft key`: who may use the pages and the API."""

from __future__ import annotations

import time
from typing import Any

import click

from scripts.cli import output
from shared.access.audit import local_user
from shared.access.keys import ENV, KeyRecord, Keys
from shared.access.scopes import Scope
from shared.core.messages import sentence


@click.group()
def command() -> None:
    """Create, list and revoke access keys. Before the first key and after `off`, the server requires none.

    Scopes: read (see everything), submit (photos, and one's own jobs), review (correct results), admin (everything).
    """


@command.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    default=(Scope.ADMIN.value,),
    show_default=True,
    help="What the key may do; repeat it for several.",
)
@click.option("--days", type=click.FloatRange(0, 36500, min_open=True), help="Days until it expires; default: never.")
@click.pass_context
def create(ctx: click.Context, name: str, scopes: tuple[str, ...], days: float | None) -> None:
    """Create a key called NAME and print it once. Keys are required from the next request on."""
    expires = time.time() + days * 86400 if days else None
    key = Keys.of(output.state(ctx).settings).add(name, scopes, expires, local_user())
    output.record(ctx, "key_created", name)
    output.emit(ctx, {"name": name, "key": key, "scopes": sorted(set(scopes)), "expires": expires}, key)


@command.command("list")
@click.pass_context
def listed(ctx: click.Context) -> None:
    """List key names, scopes and expiry; the keys themselves are not stored."""
    settings = output.state(ctx).settings
    keys = Keys.of(settings)
    found, required = keys.rows(), keys.required()
    none = sentence("no_key_left") if required else "No keys: the server requires none."
    rows = [
        (name, output.when(row.created), " ".join(row.scopes or [Scope.ADMIN]), _expiry(row), row.by)
        for name, row in sorted(found.items())
    ]
    if settings.api_key:
        rows.append((ENV, "WEFT_API_KEY", Scope.ADMIN.value, "", None))
    heads = ("name", "created", "scopes", "expires", "by")
    output.emit(
        ctx,
        {"keys": [_shown(name, row) for name, row in sorted(found.items())], "required": required},
        lambda console: console.print(output.table(heads, rows) if rows else none),
    )


@command.command()
@click.argument("name")
@click.pass_context
def revoke(ctx: click.Context, name: str) -> None:
    """Revoke the key NAME and end its logins, effective from the next request on."""
    keys = Keys.of(output.state(ctx).settings)
    keys.remove(name)
    output.record(ctx, "key_revoked", name)
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
    output.record(ctx, "keys_off")
    text = f"{removed} keys removed; the server no longer requires a key."
    output.emit(ctx, {"required": False, "removed": removed}, text)


# The names of earlier versions.
command.add_command(create, "add")
command.add_command(revoke, "remove")


def _shown(name: str, row: KeyRecord) -> dict[str, Any]:
    return {
        "name": name,
        "created": row.created,
        "scopes": row.scopes or [Scope.ADMIN.value],
        "expires": row.expires,
        "by": row.by,
    }


def _expiry(row: KeyRecord) -> str:
    return "expired" if row.expired else output.when(row.expires)
