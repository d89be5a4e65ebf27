"""The model store: one folder a model, named by its identity, with a manifest that needs nothing to read.

<data_dir>/models/<identity>/model.xml, model.bin     the image tower as OpenVINO IR, uint8 NHWC in, float32 out
                             manifest.json            what it is, how it was made, how close it is to torch
                             int8/model.xml, …        the quantised tower, where `weft model quantize` made one
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import TYPE_CHECKING

from shared.core.documents import Document
from shared.core.errors import ModelError
from shared.core.files import file_lock
from shared.encoder import architectures, identity, tables
from shared.encoder.choice import choose
from shared.encoder.open_clip_config import PreprocessConfig
from shared.encoder.preprocessing import Preprocessing
from shared.encoder.spec import Part, locate_weights
from shared.storage import open_storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shared.core.settings import Settings
    from shared.encoder.choice import Choice
    from shared.storage import Storage

#: Raised when a manifest's fields change their meaning; models of another format are converted again.
FORMAT = 1


class Int8Accuracy(Document):
    """Share of photos whose nearest other photo is of their own class, by the original's vectors and by int8's."""

    before: float
    int8: float
    photos: int


class Int8Tower(Document):
    """How a quantised tower compares with the original on labelled photos, and whether it may be used."""

    leave_one_out: Int8Accuracy
    #: Cosine to the original: `mean min photos`.
    fidelity: dict[str, float]
    adopted: bool
    #: Photos that calibrated the value ranges.
    calibration: int
    #: Bytes.
    size: int
    #: Seconds since the epoch.
    created: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder of the store holds."""

    name: str
    architecture: str
    identity: str
    #: SHA-256 of the weights file.
    weights: str
    dim: int
    preprocessing: Preprocessing
    tag: str | None = None
    #: What the preprocessing was taken from: `tag:TAG`, `tags`, `config` or `default`, see `choice.Source`; empty in
    #: manifests of before it was noted.
    preprocessing_from: str = ""
    #: QuickGELU although the architecture's own config has GELU.
    quick_gelu: bool = False
    #: Digest of the architecture's open_clip config.
    config: str = ""
    #: Cosine to torch float32 with open_clip's own transform: {"bf16": {"mean": …, "min": …, "photos": …}, …}.
    fidelity: dict[str, dict[str, float]] = field(default_factory=dict)
    #: The quantised tower, None where there is none.
    int8: Int8Tower | None = None
    #: Bytes of model.xml and model.bin together; 0: known to the torch engine, not converted.
    size: int = 0
    created: float = 0.0
    #: Versions of torch, open_clip and openvino that made it.
    made_by: dict[str, str] = field(default_factory=dict)

    @property
    def converted(self) -> bool:
        return self.size > 0

    @property
    def activation(self) -> str:
        """`QuickGELU` or `GELU`; towers of timm have their own whatever this says."""
        return "QuickGELU" if self.quick_gelu or tables.has_quick_gelu(self.architecture) else "GELU"

    def fits(self, choice: Choice | None) -> bool:
        """Whether it was made with this preprocessing and activation; None is known of nothing, and fits."""
        if choice is None:
            return True
        return self.quick_gelu == choice.quick_gelu and self.preprocessing == choice.preprocessing(
            list(self.preprocessing.size)
        )

    def to_json(self) -> str:
        shown = {field.name: getattr(self, field.name) for field in fields(self)}
        shown |= {"preprocessing": self.preprocessing.to_json(), "int8": self.int8.to_json() if self.int8 else None}
        shown |= {"format": FORMAT}
        return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"


class ModelStore:
    """The converted models of one data directory."""

    def __init__(self, root: Path, weights_dir: Path, open_shared: Callable[[], Storage] | None = None) -> None:
        """`open_shared`: the object store in which machines share what they converted; None: there is none."""
        self.root = root
        self.weights_dir = weights_dir
        self.open_shared = open_shared

    @classmethod
    def of(cls, settings: Settings) -> ModelStore:
        shared = partial(open_storage, settings) if settings.storage_url else None
        return cls(settings.model_store, settings.weights_dir, shared)

    def folder(self, model_identity: str) -> Path:
        return self.root / model_identity

    def list(self) -> list[Manifest]:
        """Every complete model, by name."""
        found = [read(folder) for folder in sorted(self.root.glob("*/")) if (folder / "manifest.json").is_file()]
        return sorted((m for m in found if m is not None), key=lambda m: (m.name, m.identity))

    def find(self, part: Part) -> Manifest | None:
        """The model of this part, shown under the part's name; None where nothing is known of it here.

        One that was made with another preprocessing or activation than hold for the part now is another model.
        Raises ModelError as `choice.choose`.
        """
        path = locate_weights(part, self.weights_dir)
        # where only the converted model was brought here, there is no config beside a file to look into
        choice = choose(part, path) if path or part.tag or part.trained_like else None
        known = self.identity_if_known(part)
        if known is not None:
            found = read(self.folder(known))
        else:
            sha256 = self.weights_sha256(path) if path else None
            fitting = (manifest for manifest in self.list() if _fits(manifest, part, sha256, choice))
            found = max(fitting, key=lambda m: (m.converted, m.created), default=None)
        if found is None:
            return None
        source = choice.source if choice else found.preprocessing_from
        return replace(found, name=part.name, preprocessing_from=source)

    def is_of(self, manifest: Manifest, part: Part) -> bool:
        """Whether a manifest that came from elsewhere is of this part's model. Raises as `find`."""
        path = locate_weights(part, self.weights_dir)
        choice = choose(part, path) if path or part.tag or part.trained_like else None
        known = self.identity_if_known(part)
        if known is not None:
            return manifest.identity == known
        return _fits(manifest, part, self.weights_sha256(path) if path else None, choice)

    def identity_if_known(self, part: Part) -> str | None:
        """The identity of an architecture of our own, which needs no conversion to be known; None for any other."""
        config = architectures.config(part.architecture)
        if config is None:
            return None
        key = self.weights_key(part)
        choice = choose(part, locate_weights(part, self.weights_dir))
        if choice is None:
            return None
        preprocessing = choice.preprocessing(config.vision.image_size)
        return identity.of_model(part.architecture, config, key, preprocessing, quick_gelu=choice.quick_gelu)

    def weights_key(self, part: Part) -> str:
        """SHA-256 of the part's weights file. Raises ModelError where the file is missing."""
        path = locate_weights(part, self.weights_dir)
        if path is None:
            raise ModelError(model=part.name, reason=f"no weights file {part.weights or part.tag}")
        return self.weights_sha256(path)

    def weights_sha256(self, path: Path) -> str:
        return identity.weights_sha256(path, self.root / "weights.json")

    def write_manifest(self, manifest: Manifest) -> None:
        """Replaces a model's manifest at once."""
        folder = self.folder(manifest.identity)
        fresh = folder / f"manifest.json.{os.getpid()}"
        fresh.write_text(manifest.to_json(), encoding="utf-8")
        fresh.replace(folder / "manifest.json")

    def remember(self, manifest: Manifest) -> None:
        """Keeps what a model is that was loaded without being converted; a store that is read-only does without."""
        try:
            self.folder(manifest.identity).mkdir(parents=True, exist_ok=True)
            self.write_manifest(manifest)
        except OSError:
            return

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One conversion at a time: others wait and then find it done. The lock ends with the process that holds it."""
        self.root.mkdir(parents=True, exist_ok=True)
        with file_lock(self.root / ".lock"):
            yield


def _fits(manifest: Manifest, part: Part, sha256: str | None, choice: Choice | None) -> bool:
    """Whether it is the part's model: by the weights' content, or where that is not known here, by name and tag."""
    if manifest.architecture != part.architecture or not manifest.fits(choice):
        return False
    if sha256 is None:
        return manifest.name == part.name and manifest.tag == part.tag
    # without a choice only the tag tells which activation it was made with
    return manifest.weights == sha256 and (choice is not None or manifest.tag == part.tag)


def read(folder: Path) -> Manifest | None:
    """A folder's manifest; None where it is missing, of another format, or damaged."""
    try:
        raw = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if raw.pop("format") != FORMAT:
            return None
        preprocessing = Preprocessing.from_open_clip(PreprocessConfig.from_json(raw.pop("preprocessing")))
        int8 = raw.pop("int8", None)
        return Manifest(preprocessing=preprocessing, int8=Int8Tower.from_json(int8) if int8 else None, **raw)
    except (OSError, ValueError, KeyError, TypeError):
        return None
