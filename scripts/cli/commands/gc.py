"""`weft gc`: frees the disk of what no policy wants to keep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from scripts.cli import output
from shared.bank.store import BankStore
from shared.core.errors import NotFound
from shared.core.settings import Settings
from shared.encoder.store import ModelStore
from shared.jobs.ledger import Ledger
from shared.maintenance import retention
from shared.maintenance.retention.pins import Pins
from shared.maintenance.retention.plan import Policies
from shared.storage import open_storage

#: Kind → what people call it.
WORDS = {
    "results": "archived jobs",
    "blobs": "uploads",
    "thumbs": "thumbnails",
    "bank_versions": "versions of banks",
    "index_tables": "bank server tables",
    "models": "converted models",
}
#: Names of each kind that are printed.
_SHOWN = 20


@click.command()
@click.option(
    "--days",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Minimum age in days of uploads and thumbnails that are removed.",
)
@click.option("--dry-run", is_flag=True, help="Only print what each policy would take.")
@click.option("--pin", multiple=True, metavar="KIND:NAME", help="Keep job:ID, version:V or model:IDENTITY for ever.")
@click.option("--unpin", multiple=True, metavar="KIND:NAME", help="Leave it to its policy again.")
@click.pass_context
def command(ctx: click.Context, days: float, dry_run: bool, pin: tuple[str, ...], unpin: tuple[str, ...]) -> None:
    """Remove what no policy keeps: uploads and thumbnails that no job references, and by WEFT_RESULTS_DAYS,
    WEFT_BANK_VERSIONS and WEFT_MODELS_DAYS results, versions and models. Safe while Weft is running; the dispatcher
    does the same by itself."""
    settings = output.state(ctx).settings
    pins = Pins(settings)
    if pin or unpin:
        for name in pin:
            _check_known(settings, *name.partition(":")[::2])
        pins.change(list(pin), list(unpin))
        output.emit(ctx, {"pinned": pins.all()}, "\n".join(pins.all()) or "nothing is pinned")
        return
    # 0: whatever nobody has touched since this moment.
    policies = replace(Policies.of(settings), uploads=days or 1e-9)
    ledger, storage = Ledger.connect(settings), open_storage(settings)
    found = (retention.look if dry_run else retention.remove)(settings, ledger, storage, policies)
    document: dict[str, Any] = {
        kind: {
            "files": len(one.due),
            "bytes": one.bytes,
            **({} if kind in ("blobs", "thumbs") else {"names": [due.name for due in one.due]}),
        }
        for kind, one in found.items()
    }
    lines = ["would remove" if dry_run else "removed"]
    for kind, one in found.items():
        term = "" if policies.wants(kind) else "  (kept for ever)"
        lines.append(f"  {len(one.due):>7} {WORDS[kind]:<18} {one.bytes / 1e6:>9.1f} MB{term}")
        if kind not in ("blobs", "thumbs"):
            lines += [f"          {due.name}" for due in one.due[:_SHOWN]]
    output.emit(ctx, {**document, "pinned": pins.read().all(), "dry_run": dry_run}, "\n".join(lines))


def _check_known(settings: Settings, kind: str, name: str) -> None:
    """A misspelt pin would keep nothing. Raises NotFound; kinds that cannot be pinned are left to `Pins.change`."""
    if kind == "job":
        Ledger.connect(settings).find(name)
    elif kind == "version":
        BankStore(settings).folder(name)
    elif kind == "model" and all(model.identity != name for model in ModelStore.of(settings).list()):
        raise NotFound(what=f"model {name}")
