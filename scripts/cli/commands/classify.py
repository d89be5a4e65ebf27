"""`weft classify`: photos now, ahead of everything that runs in bulk."""

from __future__ import annotations

import time
from pathlib import Path

import click
from rich.console import Console

from scripts.cli import output, submission
from scripts.cli.bank_option import job_bank
from shared.bank.store import BankStore
from shared.core.errors import Unavailable
from shared.core.i18n import LazyText as _l
from shared.core.i18n import gettext as _
from shared.jobs.intake.idempotency import RequestKey
from shared.jobs.intake.sources import local_files
from shared.jobs.intake.submission import Wish
from shared.jobs.ledger import Ledger
from shared.jobs.model import ItemResult, Job
from shared.jobs.result_rows import public
from shared.jobs.shown import ShownItem
from shared.ranking.model import Verdict

#: Seconds without any worker after which waiting is given up.
NO_WORKER_SECONDS = 15.0
SHOWN = 3
VERDICTS = {Verdict.UNSURE: _l("unsure"), Verdict.NOT_IN_BANK: _l("not in bank")}


@click.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--preset", type=submission.PresetName(), help="Ranking settings; default: realtime.")
@job_bank
@click.pass_context
def command(ctx: click.Context, photos: tuple[Path, ...], preset: str | None, bank: str | None) -> None:
    """Classify PHOTOS now and print the best classes of each.

    The photos are sent to the Weft running on this data folder (`weft up`) and take priority over bulk jobs. Folders
    and zip files are accepted. Exit code 1 if any photo failed.
    """
    settings = output.state(ctx).settings
    ledger = Ledger.connect(settings)
    intake = submission.intake(settings, ledger, BankStore(settings))
    with submission.Shown(_("Reading")) as shown:
        job = intake.classify(local_files(photos), Wish(preset=preset, bank=bank), RequestKey(), progress=shown)
    results = [public(result) for result in _await(ledger, job)]
    if any(item["status"] == "failed" for item in results):
        output.fail(ctx, results, lambda console: _print(console, results))
    output.emit(ctx, results, lambda console: _print(console, results))


def _await(ledger: Ledger, job: Job) -> list[ItemResult]:
    alone_since = time.monotonic()
    with output.progress(_("Classifying"), job.total) as show:
        while True:
            results = ledger.results(job.id)
            if len(results) >= job.total:
                return results
            show(len(results))
            now = time.monotonic()
            if ledger.workers():
                alone_since = now
            elif now - alone_since > NO_WORKER_SECONDS:
                raise Unavailable("no_worker")
            time.sleep(0.05)


def _print(console: Console, results: list[ShownItem]) -> None:
    rows = []
    for item in results:
        if item["error"]:
            rows.append((item["name"], _("failed"), item["error"]["message"]))
        else:
            best = ", ".join(f"{c['label']} {c['score']:.3f}" for c in item["candidates"][:SHOWN])
            rows.append((item["name"], _verdict(item), best))
    console.print(output.table((_("photo"), _("verdict"), _("best classes")), rows))


def _verdict(item: ShownItem) -> str:
    sure = f"{item['confidence']:.0%}"
    if item["candidates"] and item["candidates"][0]["sample"] is None:
        sure += ", " + _("by name only")
    verdict = Verdict(item["verdict"] or Verdict.UNSURE)
    return f"{item['label']} ({sure})" if verdict is Verdict.LABEL else str(VERDICTS[verdict])
