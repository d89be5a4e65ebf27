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
    "--quick", is_flag=True, help="Three minutes: fewer rounds and photos, and no peers that need installing."
)
@click.option("--only", default="", callback=_names, help="Measure only these, e.g. whole,overhead.")
@click.option(
    "--peers/--no-peers", default=None, help="Measure what people would use instead; default: unless --quick."
)
@click.option("--engine", default="openvino", show_default=True, help="WEFT_ENGINE to measure, e.g. openvino-int8.")
@click.option(
    "--bank", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Own set: a folder a class."
)
@click.option(
    "--photos", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Own set: what to classify."
)
@click.option("--store", type=click.Path(path_type=Path), default=STORE, help="Pictures, models and peers, kept.")
@click.option(
    "-o", "--output", "target", type=click.Path(path_type=Path), help="Where bench.json and plots go; default: STORE."
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
    """Measure throughput, latency and overhead here, beside the machine's limits and other software.

    Everything that is compared is measured in turns in the same run. docs/benchmarks.md explains the figures.
    """
    from scripts.lab.bench import report, suite
    from scripts.lab.bench.bench import Bench
    from scripts.lab.bench.peers import PEERS

    unknown = set(only) - set(suite.MEASUREMENTS)
    if unknown:
        raise click.BadParameter(f"{', '.join(sorted(unknown))}; there are {', '.join(suite.MEASUREMENTS)}")
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
        document = suite.run(bench, only)
    report.write(target or store / "report", document)
    output.emit(ctx, document, lambda console: report.show(console, document))
