"""`weft bench`: measure this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from scripts.cli import output

#: Kept between runs; ignored by git.
STORE = Path(__file__).resolve().parents[3] / "build" / "bench"


def _names(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in value.split(","))))


@click.command()
@click.option(
    "--quick", is_flag=True, help="About three minutes: fewer rounds and photos, no peers that need to be installed."
)
@click.option("--only", default="", callback=_names, help="Measure only these, e.g. whole,overhead.")
@click.option("--peers/--no-peers", default=None, help="Also measure alternative software; default: unless --quick.")
@click.option("--engine", default="openvino", show_default=True, help="WEFT_ENGINE to measure, e.g. openvino-int8.")
@click.option(
    "--bank",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Own data set: bank, one folder per class.",
)
@click.option(
    "--photos", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Own data set: photos to classify."
)
@click.option("--store", type=click.Path(path_type=Path), default=STORE, help="Cache for pictures, models and peers.")
@click.option(
    "-o", "--output", "target", type=click.Path(path_type=Path), help="Folder for bench.json and plots; default: STORE."
)
@click.pass_context
def command(
    ctx: click.Context,
    quick: bool,
    only: tuple[str, ...],
    peers: bool | None,
    engine: str,
    bank: Path | None,
    photos: Path | None,
    store: Path,
    target: Path | None,
) -> None:
    """Benchmark throughput, latency and overhead against this machine's limits and other software.

    Compared systems are measured alternately in the same run. docs/benchmarks.md explains the figures.
    """
    from scripts.lab.bench import report, suite
    from scripts.lab.bench.bench import Bench
    from scripts.lab.bench.peers import PEERS

    unknown = set(only) - set(suite.MEASUREMENTS)
    if unknown:
        raise click.BadParameter(f"{', '.join(sorted(unknown))}; choose from {', '.join(suite.MEASUREMENTS)}")
    store.mkdir(parents=True, exist_ok=True)
    everybody, without_installing = tuple(PEERS), tuple(n for n, p in PEERS.items() if not p.packages)
    chosen = everybody if peers or (peers is None and not quick) else without_installing if peers is None else ()
    with tempfile.TemporaryDirectory(prefix="run-", dir=store.resolve()) as work:
        bench = Bench(
            store=store.resolve(),
            work=Path(work),
            quick=quick,
            say=output.note,
            engine=engine,
            peers=chosen,
            own_bank=bank,
            own_photos=photos,
        )
        found = suite.run(bench, only)
    report.write(target or store / "report", found)
    output.emit(ctx, found.to_json(), lambda console: report.show(console, found))
