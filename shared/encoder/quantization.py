"""An int8 version of a converted model, and the check that decides whether it may be used.

Post-training quantization by NNCF (https://docs.openvino.ai, "Basic Quantization Flow"): mixed preset, transformers.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shared.core.documents import Document
from shared.core.errors import InvalidRequest, PhotoError
from shared.core.settings import cores
from shared.encoder import converter, engine, spec
from shared.encoder.describe import info_of
from shared.encoder.fidelity import cosines
from shared.encoder.files import encode_paths
from shared.encoder.joined import normalise
from shared.encoder.openvino_engine import OpenVinoEncoder
from shared.encoder.store import Int8Accuracy, Int8Tower, ModelStore
from shared.photos.decode import Limits
from shared.photos.formats import is_photo_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from shared.core.settings import Settings
    from shared.encoder.protocol import Encoder
    from shared.encoder.store import Manifest

#: Photos that calibrate the value ranges; more gain nothing that was measured.
CALIBRATION_PHOTOS = 200


class QuantizedModel(Document):
    """One model of WEFT_MODEL, quantised."""

    model: str
    identity: str
    int8: Int8Tower


def quantize_model(
    settings: Settings, *, photos: Sequence[Path], bank: Path, say: Callable[[str], None]
) -> list[QuantizedModel]:
    """Quantizes every part of the active model.

    `photos`: files or folders to calibrate on, the bank's own where empty. `bank`: one folder per class.
    Raises ModelError, and InvalidRequest where the bank has no two photos of one class.
    """
    store = ModelStore.of(settings)
    labelled = labelled_photos(bank)
    calibration = _calibration(photos) or [path for path, _ in labelled]
    done = []
    for part in spec.parse(settings.model):
        manifest = converter.ensure(store, part, say)
        say(f"{part.name}: quantizing on {min(len(calibration), CALIBRATION_PHOTOS)} photos (a minute or more)")
        tower = _quantize(store, manifest, calibration, labelled, Limits.of(settings), say)
        done.append(QuantizedModel(model=manifest.name, identity=manifest.identity, int8=tower))
    return done


def labelled_photos(bank: Path) -> list[tuple[Path, str]]:
    """Photos below one folder per class, with their class."""
    return [
        (path, folder.name)
        for folder in sorted(bank.iterdir())
        if folder.is_dir()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and is_photo_name(path.name)
    ]


def leave_one_out(vectors: NDArray[np.float32], labels: Sequence[str]) -> float:
    """Share of photos whose nearest other photo (cosine; float32 [n, d], L2-normalised) is of their own class.

    Only photos of classes with at least two count. Raises InvalidRequest where there are none.
    """
    names = np.asarray(labels)
    judged = np.array([np.count_nonzero(names == name) > 1 for name in names])
    if not judged.any():
        raise InvalidRequest(reason="the check needs one folder per class, with at least two photos in one of them")
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    return float(np.mean((names[likeness.argmax(axis=1)] == names)[judged]))


def compare(
    before: Encoder, after: Encoder, labelled: Sequence[tuple[Path, str]], limits: Limits
) -> tuple[Int8Accuracy, dict[str, float]]:
    """Leave-one-out accuracy of two encoders on the same photos, and the cosine between their vectors."""
    paths = [path for path, _ in labelled]
    old, new = (list(encode_paths(encoder, paths, limits)) for encoder in (before, after))
    kept = [
        (first, second, label)
        for (_, first), (_, second), (_, label) in zip(old, new, labelled, strict=True)
        if not isinstance(first, PhotoError) and not isinstance(second, PhotoError)
    ]
    if not kept:
        raise InvalidRequest(reason="the bank folder holds no photo that can be read")
    rows = [normalise(np.stack(column)) for column in list(zip(*kept, strict=True))[:2]]
    labels = [label for _, _, label in kept]
    accuracy = Int8Accuracy(
        before=leave_one_out(rows[0], labels), int8=leave_one_out(rows[1], labels), photos=len(labels)
    )
    return accuracy, cosines(rows[1], rows[0])


def _calibration(photos: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in photos:
        inner = sorted(path.rglob("*")) if path.is_dir() else [path]
        found.extend(p for p in inner if p.is_file() and is_photo_name(p.name))
    return found


def _quantize(
    store: ModelStore,
    manifest: Manifest,
    calibration: list[Path],
    labelled: list[tuple[Path, str]],
    limits: Limits,
    say: Callable[[str], None],
) -> Int8Tower:
    folder = store.folder(manifest.identity)
    chosen = engine.parse("openvino")
    before = encoder_of(manifest, chosen, folder / "model.xml")
    # spread over the whole list: folders are sorted, and one class alone would not show the range of values
    step = max(1, len(calibration) // CALIBRATION_PHOTOS)
    prepared = _prepared(before, calibration[::step][:CALIBRATION_PHOTOS], limits)
    staging = Path(tempfile.mkdtemp(prefix=".int8-", dir=folder))
    try:
        xml = staging / "model.xml"
        _calibrate(folder / "model.xml", prepared, xml)
        say(f"{manifest.name}: comparing on {len(labelled)} labelled photos")
        after = encoder_of(manifest, replace(chosen, precision="int8"), xml)
        accuracy, fidelity = compare(before, after, labelled, limits)
        found = Int8Tower(
            leave_one_out=accuracy,
            fidelity=fidelity,
            adopted=accuracy.int8 >= accuracy.before,
            calibration=len(prepared),
            size=sum(file.stat().st_size for file in staging.iterdir()),
            created=time.time(),
        )
        after.close()
        staging.chmod(0o755)
        shutil.rmtree(folder / "int8", ignore_errors=True)
        staging.rename(folder / "int8")
    finally:
        before.close()
        shutil.rmtree(staging, ignore_errors=True)
    store.write_manifest(replace(manifest, int8=found))
    return found


def encoder_of(manifest: Manifest, chosen: engine.Engine, xml: Path) -> OpenVinoEncoder:
    """The encoder of this converted file, whether or not its int8 version was adopted."""
    return OpenVinoEncoder(info_of(manifest, chosen), manifest.preprocessing, xml, threads=cores(), micro_batch=16)


def _prepared(encoder: OpenVinoEncoder, paths: Sequence[Path], limits: Limits) -> list[NDArray[np.uint8]]:
    from shared.encoder.files import prepare_file

    found = []
    for path in paths:
        try:
            found.append(prepare_file(encoder, path, limits))
        except PhotoError:  # a photo that cannot be read calibrates nothing
            continue
    if not found:
        raise InvalidRequest(reason="there is no photo to calibrate on that can be read")
    return found


def _calibrate(xml: Path, prepared: Sequence[NDArray[np.uint8]], target: Path) -> None:
    import nncf
    import openvino

    with redirect_stdout(sys.stderr):  # its progress bars; stdout is the command's answer
        quantized = nncf.quantize(
            openvino.Core().read_model(str(xml)),
            nncf.Dataset([pixels[None] for pixels in prepared]),
            subset_size=len(prepared),
            model_type=nncf.ModelType.TRANSFORMER,
            preset=nncf.QuantizationPreset.MIXED,
        )
    openvino.save_model(quantized, str(target), compress_to_fp16=False)
