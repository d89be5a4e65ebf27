"""A tower whose weights stay int8 in memory, for `WEFT_ENGINE=openvino-w8`; it needs no photos to be made.

Weights are rounded per channel by NNCF ("Weight Compression", https://docs.openvino.ai), and OpenVINO quantises what
they are multiplied with as it comes, in groups ("Dynamic Quantization", likewise). How close the vectors stay to the
converted model's depends on the processor, too: it is measured once on each kind (folders of models are copied and
shared), in a process of its own whose memory ends with it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.core.documents import Document
from shared.core.errors import ModelError
from shared.core.files import write_atomic
from shared.encoder import converter, hardware, spec
from shared.encoder.model_child import ModelRequest, ask, serve
from shared.encoder.store import Int8Accuracy, Manifest, ModelStore
from shared.photos.decode import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.core.settings import Settings
    from shared.encoder.spec import Part

#: Smallest cosine to the converted model's vectors; a tower that goes below it is refused.
LEAST = 0.99
#: Synthetic photos that this is measured on.
PHOTOS = 16
_FOLDER = "w8"


class CompressedTower(Document):
    """What was measured of it on one kind of processor."""

    #: `hardware.cpu_kind`.
    processor: str
    #: Cosine to the converted model in this machine's precision: `mean min photos`.
    fidelity: dict[str, float]
    #: Bytes, of the converted model and of this one.
    before: int
    size: int
    #: Seconds since the epoch.
    created: float


class CompressionRequest(ModelRequest):
    #: Of the model store.
    root: str


def ensure(store: ModelStore, part: Part, say: Callable[[str], None]) -> tuple[Path, CompressedTower]:
    """The folder of the part's compressed tower, which is made where it is missing, and what was measured of it here.

    Raises ModelError: as `converter.ensure`, and `model_not_compressed` where its vectors are too far off, or where
    this processor cannot compute them.
    """
    manifest = converter.ensure(store, part, say)
    folder = store.folder(manifest.identity) / _FOLDER
    if not _report(folder).is_file():
        doing = "trying the compressed weights" if _made(folder) else "compressing the weights"
        say(f"{part.name}: {doing} (once on such a processor; some seconds)")
        request = CompressionRequest(root=str(store.root), weights_dir=str(store.weights_dir), part=part)
        ask("shared.encoder.compression", request, "the compression", say)
    return folder, CompressedTower.from_json(json.loads(_report(folder).read_text("utf-8")))


def compressed_model(settings: Settings, say: Callable[[str], None]) -> dict[str, CompressedTower]:
    """Name of each part of the active model → its tower. Raises as `ensure`."""
    store = ModelStore.of(settings)
    return {part.name: ensure(store, part, say)[1] for part in spec.parse(settings.model)}


def compare_on(settings: Settings, bank: Path, say: Callable[[str], None]) -> dict[str, Int8Accuracy]:
    """Leave-one-out accuracy of each part before and after, on photos in one folder per class.

    Raises as `ensure`, and InvalidRequest where the bank has no two photos of one class.
    """
    from shared.encoder import engine
    from shared.encoder.quantization import compare, encoder_of, labelled_photos

    store, chosen, labelled, found = ModelStore.of(settings), engine.parse("openvino"), labelled_photos(bank), {}
    for part in spec.parse(settings.model):
        folder, _ = ensure(store, part, say)
        manifest = converter.ensure(store, part, say)
        say(f"{part.name}: comparing on {len(labelled)} labelled photos")
        before = encoder_of(manifest, chosen, folder.parent / "model.xml")
        after = encoder_of(manifest, replace(chosen, precision="w8"), folder / "model.xml")
        found[part.name], _ = compare(before, after, labelled, Limits.of(settings))
        before.close()
        after.close()
    return found


def compress(store: ModelStore, part: Part, say: Callable[[str], None]) -> None:
    """Makes it where it is missing, and measures it. It appears in the store complete or not at all."""
    with store.locked():
        manifest = store.find(part)
        if manifest is None or not manifest.converted:
            raise ModelError(model=part.name, reason="it is not converted")
        model = store.folder(manifest.identity)
        folder = model / _FOLDER
        if _report(folder).is_file():
            return
        if _made(folder):
            report = _measured(manifest, model, folder)
        else:
            staging = Path(tempfile.mkdtemp(prefix=".w8-", dir=model))
            try:
                _write(model / "model.xml", staging / "model.xml")
                report = _measured(manifest, model, staging)
                staging.chmod(0o755)
                shutil.rmtree(folder, ignore_errors=True)
                staging.rename(folder)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    say(f"{part.name}: compressed, smallest cosine to the converted model {report.fidelity['min']:.5f}")


def _made(folder: Path) -> bool:
    return (folder / "model.xml").is_file()


def _report(folder: Path) -> Path:
    """What was measured on this kind of processor."""
    kind = hashlib.sha256(hardware.cpu_kind().encode()).hexdigest()[:8]
    return folder / f"measured-{kind}.json"


def _measured(manifest: Manifest, model: Path, folder: Path) -> CompressedTower:
    """Of the compressed tower in `folder`, beside the converted one in `model`; it is noted in the folder.

    Raises ModelError as `ensure`.
    """
    from shared.encoder import engine
    from shared.encoder.fidelity import cosines, encode_files, synthetic_photos
    from shared.encoder.quantization import encoder_of

    chosen, photos = engine.parse("openvino"), synthetic_photos(PHOTOS)
    before = encoder_of(manifest, chosen, model / "model.xml")
    expected = encode_files(before, photos)
    before.close()
    try:
        after = encoder_of(manifest, replace(chosen, precision="w8"), folder / "model.xml")
        found = cosines(encode_files(after, photos), expected)
        after.close()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1][:300]
        raise ModelError("model_not_compressed", model=manifest.name, reason=reason) from error
    if found["min"] < LEAST:
        reason = f"cosine {found['min']:.4f}, at least {LEAST} is needed"
        raise ModelError("model_not_compressed", model=manifest.name, reason=reason)
    size = sum(file.stat().st_size for file in folder.glob("model.*"))
    processor = hardware.cpu_kind()
    report = CompressedTower(processor=processor, fidelity=found, before=manifest.size, size=size, created=time.time())
    write_atomic(_report(folder), json.dumps(report.to_json()).encode())
    return report


def _write(xml: Path, target: Path) -> None:
    import nncf
    import openvino

    model = nncf.compress_weights(openvino.Core().read_model(str(xml)), mode=nncf.CompressWeightsMode.INT8_ASYM)
    openvino.save_model(model, str(target), compress_to_fp16=False)


def main() -> int:
    return serve(_read)


def _read(document: Any) -> tuple[Part, Callable[[Callable[[str], None]], None]]:
    request = CompressionRequest.from_json(document)
    store = ModelStore(Path(request.root), Path(request.weights_dir))
    return request.part, partial(compress, store, request.part)


if __name__ == "__main__":
    sys.exit(main())
