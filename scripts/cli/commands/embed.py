"""`weft embed`: photos' vectors in a file, from the same engine and preprocessing as a worker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scripts.cli import output
from shared.core.files import replacing
from shared.core.names import readable
from shared.core.settings import cores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--output",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Output .npz file.",
)
@click.pass_context
def command(ctx: click.Context, paths: tuple[Path, ...], target: Path) -> None:
    """Write the embeddings of the photos in PATHS (files, and folders recursively).

    The file holds `names` as given, `sha256` of each file, and `embeddings`, float32 [n, d], L2-normalised rows.
    Unreadable photos are reported and skipped; the exit code is then 1.
    """
    import numpy as np

    from shared.encoder import load_encoder
    from shared.encoder.files import encode_paths
    from shared.photos.decode import Limits

    settings = output.state(ctx).settings
    found = _photos(paths)
    encoder = load_encoder(settings, threads=settings.threads or cores(), say=output.note)
    names: list[str] = []
    hashes: list[str] = []
    rows: list[NDArray[np.float32]] = []
    failed: list[dict[str, str]] = []
    with output.progress("Encoding", len(found)) as show:
        outcomes = encode_paths(encoder, found, Limits.of(settings), show)
        for path, (sha256, result) in zip(found, outcomes, strict=True):
            if isinstance(result, np.ndarray):
                names.append(readable(str(path)))
                hashes.append(sha256 or "")
                rows.append(result)
            else:
                failed.append({"name": readable(str(path)), "code": result.code, "message": str(result)})
    encoder.close()
    embeddings = np.stack(rows) if rows else np.zeros((0, encoder.info.dim), np.float32)
    _write(target, names=np.array(names, np.str_), sha256=np.array(hashes, "U64"), embeddings=embeddings)
    document = {
        "file": str(target),
        "photos": len(names),
        "dim": encoder.info.dim,
        "model": encoder.info.model,
        "identity": encoder.info.identity,
        "engine": encoder.info.engine,
        "precision": encoder.info.precision,
        "trained": encoder.info.trained,
        "failed": failed,
    }
    for failure in failed:
        output.note(f"{failure['name']}: {failure['message']}")
    human = f"{len(names)} photos, {encoder.info.dim} dimensions, {encoder.info.model} → {target}"
    if failed:
        output.fail(ctx, document, human)
    output.emit(ctx, document, human)


def _photos(paths: tuple[Path, ...]) -> list[Path]:
    """Files as named, whatever they are called; of folders everything below that is called like a photo, sorted."""
    from shared.photos.formats import is_photo_name

    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.extend(sorted(inner for inner in path.rglob("*") if inner.is_file() and is_photo_name(inner.name)))
        else:
            found.append(path)
    return found


def _write(target: Path, **arrays: NDArray[Any]) -> None:
    """The file appears complete or not at all; numpy would add .npz to another name."""
    import numpy as np

    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target, mode=0o644) as fresh, fresh.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
