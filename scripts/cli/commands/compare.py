"""`weft compare`: what a second job answers otherwise than a first one over the same photos."""

from __future__ import annotations

from contextlib import closing

import click

from scripts.cli import output
from shared.bank.class_names import class_names
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.jobs import comparison
from shared.jobs.comparison import Change
from shared.jobs.ledger import Ledger
from shared.jobs.projection import Projection, caught_up
from shared.jobs.shown import ShownItem

COLUMNS = ("photo", "change", "first", "", "second", "")


@click.command()
@click.argument("first", metavar="FIRST")
@click.argument("second", metavar="SECOND")
@click.option("--change", type=click.Choice([change.value for change in Change]), help="Only this kind of change.")
@click.option("--limit", type=click.IntRange(0, 100_000), default=50, show_default=True, help="Photos shown at most.")
@click.pass_context
def command(ctx: click.Context, first: str, second: str, change: str | None, limit: int) -> None:
    """Compare the answers of the jobs FIRST and SECOND. Photos are matched by their names, else by SHA-256."""
    settings = output.state(ctx).settings
    ledger = Ledger.connect(settings)
    with _opened(settings, ledger, first) as ours, _opened(settings, ledger, second) as theirs:
        found = comparison.compare(ours, theirs)
        part = found.part(Change(change) if change else None, 0, limit)
        rows = [(kind, _item(ours, a), _item(theirs, b)) for kind, a, b in part]
    document = {
        "counts": found.counts,
        "changed": found.changed,
        "reviewed": found.reviewed,
        "first_right": found.first_right,
        "second_right": found.second_right,
        "items": [{"change": kind.value, "first": a, "second": b} for kind, a, b in rows],
    }
    counts = ", ".join(f"{count} {kind}" for kind, count in found.counts.items() if count)
    told = [(_name(a) or _name(b), kind.value, *_words(a), *_words(b)) for kind, a, b in rows]
    output.emit(
        ctx,
        document,
        lambda console: console.print(counts or "no photos", output.table(COLUMNS, told) if told else "", sep="\n"),
    )


def _opened(settings: Settings, ledger: Ledger, job_id: str) -> closing[Projection]:
    return caught_up(settings, ledger, job_id, class_names(BankStore(settings), ledger.find(job_id).bank))


def _item(projection: Projection, index: int | None) -> ShownItem | None:
    return None if index is None else projection.item(index)


def _name(item: ShownItem | None) -> str | None:
    return None if item is None else item["name"]


def _words(item: ShownItem | None) -> tuple[str, str]:
    if item is None:
        return "", ""
    if item["error"]:
        return item["error"]["code"], ""
    return f"{item['label'] or ''} ({item['verdict']})", f"{item['confidence'] or 0:.0%}"
