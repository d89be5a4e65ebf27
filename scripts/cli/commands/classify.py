"""`weft classify`: photos now, ahead of everything that runs in bulk."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from scripts.cli import output, receive, submission
from shared.core.errors import Unavailable
from shared.core.names import title
from shared.jobs.admission import require_room
from shared.jobs.ledger import Ledger
from shared.jobs.model import ItemResult, Job, Lane
from shared.jobs.result_rows import public
from shared.ranking.model import PRESETS
from shared.storage import open_storage

#: Seconds without any worker after which waiting is given up.
NO_WORKER_SECONDS = 15.0
SHOWN = 3


@click.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Ranking settings; default: realtime.")
@click.pass_context
def command(ctx: click.Context, photos: tuple[Path, ...], preset: str | None) -> None:
    """Classify PHOTOS now and print the best classes of each.

    The photos are sent to the Weft running on this data folder (`weft up`) and take priority over bulk jobs. Folders
    and zip files are accepted. Exit code 1 if any photo failed.
    """
    settings = output.state(ctx).settings
    ledger = Ledger.connect(settings)
    require_room(settings, ledger)
    found = submission.photos_in(photos)
    spec = submission.spec(settings, kind="classify", name=title(found[0][0]), preset=preset, lane=Lane.INTERACTIVE)
    with output.progress("Reading", len(found)) as show:
        items = receive.receive(found, open_storage(settings), settings, show)
    job = ledger.submit(spec, items)
    results = [public(result) for result in _await(ledger, job)]
    if any(item["status"] == "failed" for item in results):
        output.fail(ctx, results, lambda console: _print(console, results))
    output.emit(ctx, results, lambda console: _print(console, results))


def _await(ledger: Ledger, job: Job) -> list[ItemResult]:
    alone_since = time.monotonic()
    with output.progress("Classifying", job.total) as show:
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


def _print(console: Console, results: list[dict[str, Any]]) -> None:
    rows = []
    for item in results:
        if item["error"]:
            rows.append((item["name"], "failed", item["error"]["message"]))
        else:
            best = ", ".join(f"{c['label']} {c['score']:.3f}" for c in item["candidates"][:SHOWN])
            rows.append((item["name"], _verdict(item), best))
    console.print(output.table(("photo", "verdict", "best classes"), rows))


def _verdict(item: dict[str, Any]) -> str:
    sure = f"{item['confidence']:.0%}"
    if item["candidates"] and item["candidates"][0]["sample"] is None:
        sure += ", by name only"
    return f"{item['label']} ({sure})" if item["verdict"] == "label" else item["verdict"].replace("_", " ")
