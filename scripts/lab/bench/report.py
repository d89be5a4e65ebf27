"""The bench's answer as a table and as pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.lab.bench.suite import FIGURES


def show(console: Console, document: dict[str, Any]) -> None:
    """Print every figure beside what it should reach."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("figure", "value", "goal", ""):
        drawn.add_column(column, justify="right" if column in ("value", "goal") else "left")
    for figure in FIGURES:
        value = document[figure.key]
        if value is None:
            continue
        reached = figure.reached(value)
        sign = "≥" if figure.more else "≤"
        mark = {True: "[green]reached[/]", False: "[yellow]missed[/]", None: ""}[reached]
        drawn.add_row(figure.title, f"{value:g} {figure.unit}", f"{sign} {figure.goal:g}", mark)
    console.print(drawn)
    rates = document["raw"].get("whole", {}).get("1mp")
    if rates:
        console.print("\nphotos/s, 1 MP, in turns: " + ", ".join(f"{n} {r['per_second']}" for n, r in rates.items()))
    taken = [raw["others_took"] for raw in document["raw"].values()]
    if taken and max(taken) > 0.05:
        console.print(f"[yellow]Other processes took up to {max(taken):.0%} of this machine meanwhile.[/]")
    for name, error in document["errors"].items():
        console.print(f"[yellow]{name}[/]: {error}")
    for name, error in document["raw"].get("whole", {}).get("failed", {}).items():
        console.print(f"[yellow]peer {name}[/]: {error.splitlines()[-1] if error else '?'}")


def write(folder: Path, document: dict[str, Any]) -> None:
    """bench.json and its pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    import matplotlib

    matplotlib.use("Agg")
    raw = document["raw"]
    if "whole" in raw:
        _throughput(folder / "throughput.png", raw["whole"])
    workers = {**raw.get("sleep", {}).get("workers", {})}
    if workers:
        _scaling(folder / "scaling.png", workers)
    if "interactive" in raw:
        _waiting(folder / "interactive.png", raw["interactive"])


def _throughput(path: Path, whole: dict[str, Any]) -> None:
    from matplotlib import pyplot

    rates = {n: r["per_second"] for n, r in whole["1mp"].items() if n not in ("decode", "encode")}
    names = sorted(rates, key=rates.__getitem__)
    figure, axes = pyplot.subplots(figsize=(7, 0.5 * len(names) + 1.2), layout="constrained")
    colours = ["#2f6f5e" if name in ("whole", "pipeline", "ceiling") else "#b7a58a" for name in names]
    axes.bar_label(axes.barh(names, [rates[name] for name in names], color=colours), fmt="%.1f", padding=3)
    axes.set_xlabel("photos a second, 1 megapixel JPEG, ViT-B/32")
    _save(figure, path)


def _scaling(path: Path, workers: dict[str, Any]) -> None:
    from matplotlib import pyplot

    counts = sorted(int(count) for count in workers)
    one = workers[str(counts[0])]["per_second"]
    figure, axes = pyplot.subplots(figsize=(5, 3.5), layout="constrained")
    axes.plot(counts, [workers[str(count)]["per_second"] / one for count in counts], marker="o", color="#2f6f5e")
    axes.plot(counts, counts, linestyle=":", color="#999999")
    axes.set_xlabel("workers")
    axes.set_ylabel("times one worker")
    _save(figure, path)


def _waiting(path: Path, found: dict[str, Any]) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3), layout="constrained")
    for shift, (name, colour) in enumerate((("idle_ms", "#2f6f5e"), ("loaded_ms", "#b7672f"))):
        axes.bar([n + 0.38 * shift for n in range(3)], list(found[name].values()), 0.36, color=colour, label=name[:-3])
    axes.set_xticks([0.19, 1.19, 2.19], list(found["idle_ms"]))
    axes.set_ylabel("milliseconds for one photo")
    axes.legend(frameon=False)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot

    figure.gca().spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
