"""A tower whose weights stay int8 in memory, for `WEFT_ENGINE=openvino-w8`; it needs no photos to be made.

Weights are rounded per channel by NNCF ("Weight Compression", https://docs.openvino.ai), and OpenVINO quantises what
they are multiplied with as it comes, in groups ("Dynamic Quantization", likewise). How close the vectors stay to the
converted model's is measured when the tower is made, in a process of its own whose memory ends with it.
"""

from __future__ import annotations

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
from shared.encoder import converter, spec
from shared.encoder.model_child import ModelRequest, ask, serve
from shared.encoder.store import Int8Accuracy, ModelStore
from shared.photos.decode import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.core.settings import Settings
    from shared.encoder.spec import Part

#: Smallest cosine to the converted model's vectors; a tower that goes below it is refused.
LEAST = 0.99
#: Synthetic photos that this is measured on.
PHOTOS = 16
_FOLDER, _REPORT = "w8", "compressed.json"


class CompressedTower(Document):
    """What was measured when it was made."""

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
    """The folder of the part's compressed tower, which is made where it is missing, and what was measured of it.

    Raises ModelError: as `converter.ensure`, and `model_not_compressed` where its vectors are too far off, or where
    this processor cannot compute them.
    """
    manifest = converter.ensure(store, part, say)
    folder = store.folder(manifest.identity) / _FOLDER
    if not (folder / _REPORT).is_file():
        say(f"{part.name}: compressing the weights (once; some seconds)")
        request = CompressionRequest(root=str(store.root), weights_dir=str(store.weights_dir), part=part)
        ask("shared.encoder.compression", request, "the compression", say)
    return folder, CompressedTower.from_json(json.loads((folder / _REPORT).read_text("utf-8")))


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
    """Makes it. It appears in the store complete or not at all."""
    from shared.encoder import engine
    from shared.encoder.fidelity import cosines, encode_files, synthetic_photos
    from shared.encoder.quantization import encoder_of

    with store.locked():
        manifest = store.find(part)
        if manifest is None or not manifest.converted:
            raise ModelError(model=part.name, reason="it is not converted")
        folder = store.folder(manifest.identity)
        if (folder / _FOLDER / _REPORT).is_file():
            return
        staging = Path(tempfile.mkdtemp(prefix=".w8-", dir=folder))
        try:
            _write(folder / "model.xml", staging / "model.xml")
            chosen, photos = engine.parse("openvino"), synthetic_photos(PHOTOS)
            before = encoder_of(manifest, chosen, folder / "model.xml")
            expected = encode_files(before, photos)
            before.close()
            try:
                after = encoder_of(manifest, replace(chosen, precision="w8"), staging / "model.xml")
                found = cosines(encode_files(after, photos), expected)
            except RuntimeError as error:
                reason = str(error).strip().splitlines()[-1][:300]
                raise ModelError("model_not_compressed", model=part.name, reason=reason) from error
            if found["min"] < LEAST:
                reason = f"cosine {found['min']:.4f}, at least {LEAST} is needed"
                raise ModelError("model_not_compressed", model=part.name, reason=reason)
            size = sum(file.stat().st_size for file in staging.iterdir())
            report = CompressedTower(fidelity=found, before=manifest.size, size=size, created=time.time())
            write_atomic(staging / _REPORT, json.dumps(report.to_json()).encode())
            staging.chmod(0o755)
            shutil.rmtree(folder / _FOLDER, ignore_errors=True)
            staging.rename(folder / _FOLDER)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    say(f"{part.name}: compressed, smallest cosine to the converted model {found['min']:.5f}")


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
