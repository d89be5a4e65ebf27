"""`weft model`: what is in the model store, fetching, checking and quantizing."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scripts.cli import output
from shared.core.errors import WeftError
from shared.core.settings import Settings, cores

if TYPE_CHECKING:
    from rich.console import Console


@click.group()
def command() -> None:
    """List, download, check and quantize models. MODEL has the form of WEFT_MODEL, which is also the default."""


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
    models = [_public(manifest) for manifest in ModelStore.of(settings).list()]
    in_force: dict[str, Any]
    try:
        in_force = asdict(describe(settings))
    except WeftError as error:
        in_force = {"model": settings.model, "error": {"code": error.code, "message": str(error)}}

    def human(console: Console) -> None:
        rows = [
            (m["model"], m["identity"], m["dim"], _megabytes(m["bytes"]), _cosine(m["fidelity"]), _int8(m["int8"]))
            for m in models
        ]
        console.print(output.table(("model", "identity", "dim", "MB", "cosine to torch", "int8"), rows))
        if "error" in in_force:
            console.print(f"active: {in_force['model']}. {in_force['error']['message']}")
        else:
            console.print(f"active: {in_force['model']} on {in_force['engine']} {in_force['precision']}")

    output.emit(ctx, {"in_force": in_force, "models": models}, human)


@command.command()
@click.argument("model", required=False)
@click.pass_context
def pull(ctx: click.Context, model: str | None) -> None:
    """Download MODEL if needed, and convert it."""
    from shared.encoder import converter, spec
    from shared.encoder.store import ModelStore

    settings = _settings(ctx, model)
    store = ModelStore.of(settings)
    ready = [_public(converter.ensure(store, part, output.note)) for part in spec.parse(settings.model)]
    words = "\n".join(f"{m['model']}: {m['identity']}, cosine to torch {_cosine(m['fidelity'])}" for m in ready)
    output.emit(ctx, {"models": ready}, words)


@command.command()
@click.argument("model", required=False)
@click.option("--photos", default=32, show_default=True, help="Rendered photos to encode.")
@click.pass_context
def check(ctx: click.Context, model: str | None, photos: int) -> None:
    """Measure MODEL's start-up time, memory and speed as a worker runs it, and compare it with torch if installed."""
    from shared.encoder.check import check_model

    settings = _settings(ctx, model)
    found = check_model(settings, threads=settings.threads or cores(), photos=photos, say=output.note)

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
        f"{m['model']}: int8 {'adopted' if m['int8']['adopted'] else 'NOT adopted'}; leave-one-out accuracy "
        f"{m['int8']['leave_one_out']['int8']:.3f} (before: {m['int8']['leave_one_out']['before']:.3f}), "
        f"cosine to the original {m['int8']['fidelity']['mean']:.5f}"
        for m in found
    ]
    if all(m["int8"]["adopted"] for m in found):
        output.emit(ctx, {"models": found}, "\n".join(lines))
    else:
        output.fail(ctx, {"models": found}, "\n".join(lines))


def _public(manifest: Any) -> dict[str, Any]:
    """A manifest for people and programs."""
    return {
        "model": manifest.name,
        "identity": manifest.identity,
        "architecture": manifest.architecture,
        "weights": manifest.weights,
        "dim": manifest.dim,
        "preprocessing": manifest.preprocessing.to_dict(),
        "fidelity": manifest.fidelity,
        "int8": manifest.int8,
        "bytes": manifest.size,
        "created": manifest.created,
        "made_by": manifest.made_by,
    }


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f}"


def _cosine(fidelity: dict[str, dict[str, float]]) -> str:
    return ", ".join(f"{precision} {found['mean']:.5f}" for precision, found in fidelity.items())


def _int8(found: dict[str, Any] | None) -> str:
    return "" if found is None else "adopted" if found["adopted"] else "not adopted"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(inner)}" for key, inner in value.items())
    return "unknown" if value is None else str(value)
