"""The model store: one folder a model, named by its identity, with a manifest that needs nothing to read.

<data_dir>/models/<identity>/model.xml, model.bin     the image tower as OpenVINO IR, uint8 NHWC in, float32 out
                             manifest.json            what it is, how it was made, how close it is to torch
                             int8/model.xml, …        the quantised tower, where `weft model quantize` made one
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from shared.core.errors import ModelError
from shared.core.files import file_lock
from shared.encoder import architectures, identity
from shared.encoder.preprocessing import Preprocessing
from shared.encoder.spec import Part, locate_weights

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.core.settings import Settings

#: Raised when a manifest's fields change their meaning; models of another format are converted again.
FORMAT = 1


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
    #: Digest of the architecture's open_clip config.
    config: str = ""
    #: Cosine to torch float32 with open_clip's own transform: {"bf16": {"mean": …, "min": …, "photos": …}, …}.
    fidelity: dict[str, dict[str, float]] = field(default_factory=dict)
    #: The quantised tower, None where there is none: {"adopted": bool, "fidelity": {…}, "leave_one_out": {…}, …}.
    int8: dict[str, Any] | None = None
    #: Bytes of model.xml and model.bin together; 0: known to the torch engine, not converted.
    size: int = 0
    created: float = 0.0
    #: Versions of torch, open_clip and openvino that made it.
    made_by: dict[str, str] = field(default_factory=dict)

    @property
    def converted(self) -> bool:
        return self.size > 0

    def to_json(self) -> str:
        shown = asdict(self) | {"format": FORMAT, "preprocessing": self.preprocessing.to_dict()}
        return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"


class ModelStore:
    """The converted models of one data directory."""

    def __init__(self, root: Path, weights_dir: Path) -> None:
        self.root = root
        self.weights_dir = weights_dir

    @classmethod
    def of(cls, settings: Settings) -> ModelStore:
        return cls(settings.model_store, settings.weights_dir)

    def folder(self, model_identity: str) -> Path:
        return self.root / model_identity

    def list(self) -> list[Manifest]:
        """Every complete model, by name."""
        found = [read(folder) for folder in sorted(self.root.glob("*/")) if (folder / "manifest.json").is_file()]
        return sorted((m for m in found if m is not None), key=lambda m: (m.name, m.identity))

    def find(self, part: Part) -> Manifest | None:
        """The model of this part, shown under the part's name; None where nothing is known of it here."""
        known = self.identity_if_known(part)
        if known is not None:
            manifest = read(self.folder(known))
            return replace(manifest, name=part.name) if manifest else None
        path = locate_weights(part, self.weights_dir)
        sha256 = self.weights_sha256(path) if path else None
        # a file decides by its content; where only the converted model was brought here, its name has to do
        fitting = [
            manifest
            for manifest in self.list()
            if manifest.architecture == part.architecture
            and manifest.tag == part.tag
            and (manifest.weights == sha256 if sha256 else manifest.name == part.name)
        ]
        newest = max(fitting, key=lambda m: m.created, default=None)
        return replace(newest, name=part.name) if newest else None

    def identity_if_known(self, part: Part) -> str | None:
        """The identity of an architecture of our own, which needs no conversion to be known; None for any other."""
        config = architectures.config(part.architecture)
        if config is None:
            return None
        preprocessing = preprocessing_of(config, locate_weights(part, self.weights_dir))
        return identity.of_model(part.architecture, config, self.weights_key(part), preprocessing)

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


def preprocessing_of(config: dict[str, Any], weights: Path | None) -> Preprocessing:
    """What open_clip does with an architecture by default, changed by the `preprocess_cfg` of an
    `open_clip_config.json` beside the weights (the layout of its published models)."""
    cfg: dict[str, Any] = {"size": config["vision_cfg"].get("image_size", 224)}
    return Preprocessing.from_open_clip(cfg | preprocess_cfg_beside(weights))


def preprocess_cfg_beside(weights: Path | None) -> dict[str, Any]:
    """The `preprocess_cfg` beside a weights file; empty where there is none. Raises ModelError where it is damaged."""
    path = weights.with_name("open_clip_config.json") if weights else None
    if path is None or not path.is_file():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")).get("preprocess_cfg", {})
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(model=str(weights), reason=f"{path.name}: {error}") from error
    return {key: value for key, value in found.items() if value is not None}


def read(folder: Path) -> Manifest | None:
    """A folder's manifest; None where it is missing, of another format, or damaged."""
    try:
        raw = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if raw.pop("format") != FORMAT:
            return None
        preprocessing = Preprocessing.from_open_clip(raw.pop("preprocessing"))
        return Manifest(preprocessing=preprocessing, **raw)
    except (OSError, ValueError, KeyError, TypeError):
        return None
