"""`weft model`: what is in the model store and in open_clip's tables, fetching, checking and quantizing."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scripts.cli import output
from shared.core.errors import ModelError, WeftError
from shared.core.settings import Settings, cores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from shared.encoder.spec import Part
    from shared.encoder.store import Int8Tower, Manifest, ModelStore


@click.group()
def command() -> None:
    """Search, list, download, check and quantize models. MODEL has the form of WEFT_MODEL, and is it by default."""


def _settings(ctx: click.Context, model: str | None) -> Settings:
    settings = output.state(ctx).settings
    return settings.model_copy(update={"model": model}) if model else settings


@command.command("list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """List the converted models on this machine and show the active one."""
    from shared.encoder import describe
    from shared.encoder.store import ModelStore

    settings = output.state(ctx).settings
    models = ModelStore.of(settings).list()
    info, problem = None, None
    try:
        info = describe(settings)
    except WeftError as error:
        problem = error

    def human(console: Console) -> None:
        rows = [(m.name, m.identity, m.dim, f"{m.size / 1e6:.0f}", _cosine(m.fidelity), _int8(m.int8)) for m in models]
        console.print(output.table(("model", "identity", "dim", "MB", "cosine to torch", "int8"), rows))
        for manifest in models:
            console.print(f"{manifest.name}: {_prepared(manifest)}")
        if info is None:
            console.print(f"active: {settings.model}. {problem}")
        else:
            console.print(f"active: {info.model} on {info.engine} {info.precision}")

    failed = problem and {"model": settings.model, "error": {"code": problem.code, "message": str(problem)}}
    active = asdict(info) if info else failed
    output.emit(ctx, {"active": active, "models": [_public(manifest) for manifest in models]}, human)


@command.command()
@click.argument("model", required=False)
@click.option(
    "--preprocessing-of",
    "like",
    metavar="TAG",
    help="For a weights file: prepare photos as for open_clip's TAG. The same as MODEL@TAG.",
)
@click.pass_context
def pull(ctx: click.Context, model: str | None, like: str | None) -> None:
    """Download MODEL if needed, and convert it. Shows what its preprocessing was taken from.

    On a processor without bf16 it also says what keeping the weights in int8 costs and brings.
    """
    from shared.encoder import converter, spec
    from shared.encoder.store import ModelStore

    settings = _settings(ctx, model)
    store = ModelStore.of(settings)
    parts = spec.parse(settings.model)
    if like is not None:
        parts = tuple(spec.like(part, like) for part in parts)
    ready = [converter.ensure(store, part, output.note) for part in parts]
    lines = [f"{m.name}: {m.identity}, cosine to torch {_cosine(m.fidelity)}\n  {_prepared(m)}" for m in ready]
    lines += [f"  {note}" for part in parts if (note := _about_activation(part))]
    offer = _offer(store, parts)
    lines += [_offered(offer)] if offer else []
    if like is not None:
        lines.append(f"To use it, set WEFT_MODEL={shlex.quote(spec.join_names(parts))}")
    output.emit(ctx, {"models": [_public(manifest) for manifest in ready], "offer": offer}, "\n".join(lines))


@command.command()
@click.argument("word")
@click.pass_context
def search(ctx: click.Context, word: str) -> None:
    """List open_clip's architectures and pretrained tags whose names contain WORD. Needs no network."""
    from shared.encoder import tables

    found = tables.search(word)
    near = [] if found else tables.near(word, tables.architectures())

    def human(console: Console) -> None:
        if not found:
            console.print(f"Nothing contains {word!r}." + (f" Similar: {', '.join(near)}" if near else ""))
            return
        rows = [(name, ", ".join(tags) or "– (weights files only)") for name, tags in found.items()]
        console.print(output.table(("architecture", "tags: WEFT_MODEL=ARCHITECTURE/TAG"), rows))

    document = {"architectures": [{"name": name, "tags": tags} for name, tags in found.items()], "similar": near}
    output.emit(ctx, document, human)


@command.command()
@click.argument("model", required=False)
@click.option("--photos", default=32, show_default=True, help="Rendered photos to encode.")
@click.pass_context
def check(ctx: click.Context, model: str | None, photos: int) -> None:
    """Measure MODEL's start-up time, memory and speed as a worker runs it, and compare it with torch if installed."""
    from shared.encoder.check import check_model

    settings = _settings(ctx, model)
    checked = check_model(settings, threads=settings.threads or cores(), photos=photos, say=output.note)
    found = checked.to_json()

    def human(console: Console) -> None:
        console.print(output.table(("", ""), [(name, _plain(value)) for name, value in found.items()]))

    output.emit(ctx, found, human)


@command.command()
@click.argument("photos", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--model", help="A model other than the active one.")
@click.option(
    "--bank",
    "bank",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Labelled photos for validation, one folder per class.",
)
@click.pass_context
def quantize(ctx: click.Context, photos: tuple[Path, ...], model: str | None, bank: Path) -> None:
    """Create an int8 version of MODEL, calibrated on PHOTOS (default: those of --bank).

    It is adopted, for WEFT_ENGINE=openvino-int8, only if leave-one-out accuracy on the bank's photos does not drop.
    Exit code 1 if it is not adopted.
    """
    from shared.encoder.quantization import quantize_model

    found = quantize_model(_settings(ctx, model), photos=photos, bank=bank, say=output.note)
    lines = [
        f"{m.model}: int8 {'adopted' if m.int8.adopted else 'NOT adopted'}; leave-one-out accuracy "
        f"{m.int8.leave_one_out.int8:.3f} (before: {m.int8.leave_one_out.before:.3f}), "
        f"cosine to the original {m.int8.fidelity['mean']:.5f}"
        for m in found
    ]
    document = {"models": [m.to_json() for m in found]}
    if all(m.int8.adopted for m in found):
        output.emit(ctx, document, "\n".join(lines))
    else:
        output.fail(ctx, document, "\n".join(lines))


@command.command()
@click.argument("model", required=False)
@click.option(
    "--bank",
    "bank",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Also compare leave-one-out accuracy on these photos, one folder per class.",
)
@click.pass_context
def compress(ctx: click.Context, model: str | None, bank: Path | None) -> None:
    """Keep the weights of MODEL in int8, for WEFT_ENGINE=openvino-w8: less memory, often faster; no photos needed.

    Workers with that engine do it by themselves; this says beforehand how close the vectors stay.
    """
    from shared.encoder.compression import compare_on, compressed_model

    settings = _settings(ctx, model)
    found = compressed_model(settings, output.note)
    told = compare_on(settings, bank, output.note) if bank else {}
    lines = []
    for name, tower in found.items():
        line = f"{name}: {tower.before / 1e6:.0f} → {tower.size / 1e6:.0f} MB, cosine to the converted model"
        line += f" {tower.fidelity['mean']:.5f} on average, {tower.fidelity['min']:.5f} at least"
        if name in told:
            line += f"; leave-one-out accuracy {told[name].int8:.3f} (before: {told[name].before:.3f})"
        lines.append(line)
    models = [
        {"model": name, **tower.to_json(), "leave_one_out": told[name].to_json() if name in told else None}
        for name, tower in found.items()
    ]
    output.emit(ctx, {"models": models}, "\n".join(lines))


def _offer(store: ModelStore, parts: Sequence[Part]) -> dict[str, Any] | None:
    """What a processor without bf16 could use instead: its measured fidelity, or the reason why not; else None."""
    from shared.encoder import compression, hardware

    if hardware.cpu_precision() == "bf16" or hardware.cuda_likely():
        return None
    offer: dict[str, Any] = {"engine": "openvino-w8", "smallest_cosine": None, "reason": None}
    try:
        found = [compression.ensure(store, part, output.note)[1] for part in parts]
        offer["smallest_cosine"] = min(tower.fidelity["min"] for tower in found)
    except ModelError as error:
        offer["reason"] = error.detail.get("reason", error.code)
    return offer


def _offered(offer: dict[str, Any]) -> str:
    if reason := offer["reason"]:
        return (
            f"  This processor has no bf16, and weights in int8 are no help ({reason}). "
            "`weft model quantize --bank FOLDER` makes an int8 version, where accuracy on your photos does not drop."
        )
    return (
        f"  This processor has no bf16. WEFT_ENGINE={offer['engine']} keeps the weights in int8 (ViT-B/32 took half "
        "the time and memory, in f32 with AVX-512); smallest cosine to the converted model "
        f"{offer['smallest_cosine']:.5f}. "
        "`weft model compress --bank FOLDER` compares leave-one-out accuracy on your photos."
    )


def _public(manifest: Manifest) -> dict[str, Any]:
    """A manifest for people and programs."""
    return {
        "model": manifest.name,
        "identity": manifest.identity,
        "architecture": manifest.architecture,
        "weights": manifest.weights,
        "dim": manifest.dim,
        "preprocessing": manifest.preprocessing.to_json(),
        "preprocessing_from": manifest.preprocessing_from,
        "activation": manifest.activation,
        "fidelity": manifest.fidelity,
        "int8": manifest.int8.to_json() if manifest.int8 else None,
        "bytes": manifest.size,
        "created": manifest.created,
        "made_by": manifest.made_by,
    }


def _prepared(manifest: Manifest) -> str:
    """One line: what is done with a photo, and on whose word."""
    cfg = manifest.preprocessing
    kind, _, tag = manifest.preprocessing_from.partition(":")
    whose = {
        "tag": f"as open_clip's tag {tag}",
        "tags": f"as all of open_clip's tags of {manifest.architecture}",
        "config": "from open_clip_config.json beside the weights",
        "default": "open_clip's defaults",
    }.get(kind, "source not recorded")
    numbers = f"mean {_numbers(cfg.mean)}, std {_numbers(cfg.std)}"
    height, width = cfg.size
    return (
        f"preprocessing {whose}: {width} × {height}, {cfg.resize_mode}, {cfg.interpolation}, {numbers};"
        f" activation {manifest.activation}"
    )


def _about_activation(part: Part) -> str:
    """What to know of a bare file that may have been trained with the other activation; empty where it cannot."""
    from shared.encoder.choice import other_activation

    tags = other_activation(part)
    if not tags:
        return ""
    return (
        f"note: weights trained with QuickGELU ({', '.join(tags)}) give wrong vectors as {part.architecture}/FILE: "
        f"for those, use {part.architecture}-quickgelu/FILE"
    )


def _numbers(values: tuple[float, ...]) -> str:
    return "/".join(f"{value:.3g}" for value in values)


def _cosine(fidelity: dict[str, dict[str, float]]) -> str:
    return ", ".join(f"{precision} {found['mean']:.5f}" for precision, found in fidelity.items())


def _int8(found: Int8Tower | None) -> str:
    return "" if found is None else "adopted" if found.adopted else "not adopted"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(inner)}" for key, inner in value.items())
    return "unknown" if value is None else str(value)
