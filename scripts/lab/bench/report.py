"""The bench's answer as a table and as pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.lab.bench.results import (
    BenchReport,
    Decoding,
    Interactive,
    RankingCost,
    Rates,
    ServedCost,
    SimilarCost,
    Sleeping,
    Whole,
)
from scripts.lab.bench.suite import FIGURES


def show(console: Console, report: BenchReport) -> None:
    """Print every figure beside what it should reach."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("figure", "value", "goal", ""):
        drawn.add_column(column, justify="right" if column in ("value", "goal") else "left")
    for figure in FIGURES:
        value = report.figures[figure.key]
        if value is None:
            continue
        reached = figure.reached(value)
        sign = "≥" if figure.more else "≤"
        mark = {True: "[green]reached[/]", False: "[yellow]missed[/]", None: ""}[reached]
        drawn.add_row(figure.title, f"{value:g} {figure.unit}", f"{sign} {figure.goal:g}", mark)
    console.print(drawn)
    whole = report.of(Whole)
    if whole:
        rates = ", ".join(f"{name} {rate.per_second}" for name, rate in whole.one_megapixel.items())
        console.print("\nphotos/s, 1 MP, in turns: " + rates)
    if decoding := report.of(Decoding):
        rates = ", ".join(f"{size}: {rate.per_second}" for size, rate in decoding.pools.items())
        console.print(f"decoding processes, photos/s at 1 MP with a free encoder: {rates}")
        for cost in decoding.formats:
            console.print(
                f"{cost.format}, {cost.way}: {cost.cpu_ms} ms CPU, {cost.decoded}, {cost.grey_levels} grey levels off"
            )
    if ranking := report.of(RankingCost):
        for one in ranking.banks:
            console.print(
                f"ranking {one.vectors:,} × {one.dimensions}, {one.classes:,} classes, {one.method}: "
                f"{one.cpu_ms_a_photo:.2f} ms CPU per photo, exact {one.exact:.3f}, +{one.resident_mb:.0f} MB"
            )
    if served := report.of(ServedCost):
        for far in served.banks:
            console.print(
                f"bank server {far.vectors:,} × {far.dimensions}, {far.method}: {far.client_cpu_ms:.2f} + "
                f"{far.server_cpu_ms or 0:.2f} ms CPU per photo (files: {far.local_cpu_ms:.2f}), "
                f"exact {far.exact:.3f}, {far.table_mb:.0f} MB written in {far.publish_s:.0f} s"
            )
    if alike := report.of(SimilarCost):
        console.print(
            f"{alike.photos:,} photos: like one {alike.like_cpu_ms} ms CPU, groups {alike.groups_s} s "
            f"({alike.groups_cpu_s} s CPU), {alike.grouped:.0%} grouped, {alike.groups_pure:.1%} rightly"
        )
    taken = [one.others_took for one in report.results.values()]
    if taken and max(taken) > 0.05:
        console.print(f"[yellow]Other processes took up to {max(taken):.0%} of this machine meanwhile.[/]")
    for name, error in report.errors.items():
        console.print(f"[yellow]{name}[/]: {error}")
    for name, error in (whole.failed if whole else {}).items():
        console.print(f"[yellow]peer {name}[/]: {error.splitlines()[-1] if error else '?'}")


def write(folder: Path, report: BenchReport) -> None:
    """bench.json and its pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.to_json(), indent=1, ensure_ascii=False)
    (folder / "bench.json").write_text(text + "\n", encoding="utf-8")
    import matplotlib

    matplotlib.use("Agg")
    if whole := report.of(Whole):
        _throughput(folder / "throughput.png", whole.one_megapixel)
    if sleeping := report.of(Sleeping):
        _scaling(folder / "scaling.png", sleeping.workers)
    if interactive := report.of(Interactive):
        _waiting(folder / "interactive.png", interactive)


def _throughput(path: Path, measured: dict[str, Rates]) -> None:
    from matplotlib import pyplot

    rates = {name: rate.per_second for name, rate in measured.items() if name not in ("decode", "encode")}
    names = sorted(rates, key=rates.__getitem__)
    figure, axes = pyplot.subplots(figsize=(7, 0.5 * len(names) + 1.2), layout="constrained")
    colours = ["#2f6f5e" if name in ("whole", "pipeline", "ceiling") else "#b7a58a" for name in names]
    axes.bar_label(axes.barh(names, [rates[name] for name in names], color=colours), fmt="%.1f", padding=3)
    axes.set_xlabel("photos per second, 1 megapixel JPEG, ViT-B/32")
    _save(figure, path)


def _scaling(path: Path, workers: dict[str, Rates]) -> None:
    from matplotlib import pyplot

    counts = sorted(int(count) for count in workers)
    one = workers[str(counts[0])].per_second
    figure, axes = pyplot.subplots(figsize=(5, 3.5), layout="constrained")
    axes.plot(counts, [workers[str(count)].per_second / one for count in counts], marker="o", color="#2f6f5e")
    axes.plot(counts, counts, linestyle=":", color="#999999")
    axes.set_xlabel("workers")
    axes.set_ylabel("times one worker")
    _save(figure, path)


def _waiting(path: Path, found: Interactive) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3), layout="constrained")
    series = (("idle", found.idle_ms, "#2f6f5e"), ("loaded", found.loaded_ms, "#b7672f"))
    for shift, (name, waits, colour) in enumerate(series):
        heights = [waits.p50, waits.p95, waits.worst]
        axes.bar([n + 0.38 * shift for n in range(3)], heights, 0.36, color=colour, label=name)
    axes.set_xticks([0.19, 1.19, 2.19], ["p50", "p95", "worst"])
    axes.set_ylabel("milliseconds for one photo")
    axes.legend(frameon=False)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot

    figure.gca().spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
