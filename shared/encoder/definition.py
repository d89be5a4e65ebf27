"""A model as open_clip defines it: for conversion, text, and the torch engine. Imports torch; loads both towers."""

from __future__ import annotations

import logging
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.core.errors import ModelError
from shared.encoder import architectures, diagnosis, identity
from shared.encoder.choice import Choice, choose, unknown_architecture, unknown_tag
from shared.encoder.open_clip_config import ModelConfig, PreprocessConfig, PretrainedConfig
from shared.encoder.preprocessing import Preprocessing
from shared.encoder.spec import locate_weights
from shared.encoder.store import Manifest

try:
    import open_clip
    import torch

    from shared.encoder import class_token, halves, tokenizers
except ImportError as missing:
    raise ModelError("model_needs_torch", model="", reason=str(missing)) from missing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shared.encoder.spec import Part
    from shared.encoder.store import ModelStore

#: Attributes of open_clip's models that only texts need.
_TEXT_ATTRIBUTES = ("transformer", "token_embedding", "ln_final", "text", "text_decoder")


@dataclass(frozen=True, slots=True)
class Definition:
    """One model, loaded in float32 on the CPU, in evaluation mode."""

    part: Part
    model: Any
    config: ModelConfig
    preprocessing: Preprocessing
    weights: Path
    #: What the preprocessing was taken from, see `choice.Source`.
    preprocessing_from: str
    #: QuickGELU although `config` has GELU.
    quick_gelu: bool

    @property
    def dim(self) -> int:
        return self.config.embed_dim

    @property
    def transform(self) -> Callable[[Any], torch.Tensor]:
        """open_clip's own transform of a PIL image: float32 [3, h, w]."""
        cfg = open_clip.transform.PreprocessCfg(**open_clip.get_model_preprocess_cfg(self.model))
        transform: Callable[[Any], torch.Tensor] = open_clip.transform.image_transform_v2(cfg, is_train=False)
        return transform

    def identity(self, store: ModelStore) -> str:
        key = store.weights_sha256(self.weights)
        architecture = self.part.architecture
        return identity.of_model(architecture, self.config, key, self.preprocessing, quick_gelu=self.quick_gelu)

    def manifest(self, store: ModelStore) -> Manifest:
        """What the store says of this model before it is converted."""
        return Manifest(
            name=self.part.name,
            architecture=self.part.architecture,
            identity=self.identity(store),
            weights=store.weights_sha256(self.weights),
            dim=self.dim,
            preprocessing=self.preprocessing,
            tag=self.part.tag,
            preprocessing_from=self.preprocessing_from,
            quick_gelu=self.quick_gelu,
            config=identity.digest(self.config.raw),
            created=time.time(),
            made_by={"torch": torch.__version__, "open_clip": open_clip.__version__},
        )

    def image_tower(self) -> ImageTower:
        """pixels float [n, 3, h, w] → features float [n, dim], not normalised. Takes the text tower off the model."""
        for name in _TEXT_ATTRIBUTES:
            if hasattr(self.model, name):
                delattr(self.model, name)
        return ImageTower(self.model).eval()


class ImageTower(torch.nn.Module):
    """open_clip's own image half, as it is until `only_what_is_read`."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.model.encode_image(pixels, normalize=False)
        return features

    def only_what_is_read(self) -> ImageTower:
        """Leaves out what no vector depends on, see `class_token`; the tower itself."""
        class_token.alone(self.model.visual)
        return self


def create(part: Part, weights_dir: Path) -> Definition:
    """Builds the model and loads its weights; downloads a tag's into `weights_dir` where they are not on this machine.

    Raises ModelError: those of `choice.choose` and `diagnosis`, `model_unknown_architecture`, `model_unknown_tag`,
    `model_unavailable` (no such file), `model_no_network`.
    """
    source = _source(part, weights_dir)
    config, weights, choice = source.config, source.weights, source.choice
    # Text towers of the transformers library are not needed here: neither the library nor their files are.
    image_alone = bool(config.text_cfg.get("hf_model_name"))
    model = _built(halves.image_alone(part.architecture) if image_alone else part.architecture, choice)
    try:
        if image_alone:
            halves.load(model, weights, image=True)
        else:
            open_clip.load_checkpoint(model, str(weights), weights_only=True)
    except Exception as error:  # whatever a damaged, foreign or pickled file makes of it
        raise diagnosis.of_failure(part, weights, model.visual if image_alone else model, error) from error
    diagnosis.refuse_non_finite(part, weights, model)
    preprocessing = Preprocessing.from_open_clip(PreprocessConfig.given(open_clip.get_model_preprocess_cfg(model)))
    return Definition(
        part,
        model.eval().requires_grad_(False),
        config,
        preprocessing,
        weights,
        preprocessing_from=choice.source,
        quick_gelu=choice.quick_gelu,
    )


def text_model(part: Part, weights_dir: Path) -> tuple[Any, ModelConfig]:
    """The text half of a model (`encode_text`, `logit_scale`) as in `Definition`, and the model's configuration.

    There is no image tower, which takes half of the memory. Raises ModelError as `create`, and those of
    `tokenizers.local_files`.
    """
    source = _source(part, weights_dir)
    tokenizers.local_files(part, source.config, weights_dir)
    model = _built(halves.text_alone(part.architecture), source.choice)
    model.visual = torch.nn.Identity()
    try:
        halves.load(model, source.weights, image=False)
    except Exception as error:  # as in `create`
        raise diagnosis.of_failure(part, source.weights, model, error) from error
    diagnosis.refuse_non_finite(part, source.weights, model)
    return model.eval().requires_grad_(False), source.config


class _Source(NamedTuple):
    config: ModelConfig
    weights: Path
    choice: Choice


def _source(part: Part, weights_dir: Path) -> _Source:
    architectures.register()
    config = architectures.config(part.architecture)
    if config is None:
        known = open_clip.get_model_config(part.architecture)
        if known is None:
            raise unknown_architecture(part)
        config = ModelConfig.from_json(known)
    pretrained = _pretrained(part)
    weights = _weights(part, pretrained, weights_dir)
    diagnosis.refuse_by_content(part, weights)
    choice = choose(part, weights, pretrained if part.tag is not None else None)
    assert choice is not None, "open_clip gave the tag's entry"
    return _Source(config, weights, choice)


def _built(architecture: str, choice: Choice) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger().setLevel(logging.ERROR)  # open_clip warns of random weights before we load ours
        return open_clip.create_model(
            architecture,
            pretrained=None,
            pretrained_image=False,
            pretrained_text=False,
            force_quick_gelu=choice.quick_gelu,
            force_preprocess_cfg=choice.preprocess.to_json(),
        )


def _pretrained(part: Part) -> PretrainedConfig:
    if part.tag is None:
        return PretrainedConfig({})
    cfg = open_clip.get_pretrained_cfg(part.architecture, part.tag)
    if not cfg:
        raise unknown_tag(part, part.tag)
    return PretrainedConfig.from_json(cfg)


def _weights(part: Part, pretrained: PretrainedConfig, weights_dir: Path) -> Path:
    found = locate_weights(part, weights_dir)
    if found is not None:
        return found
    if part.weights is not None:
        raise ModelError(model=part.name, reason=f"there is no file {part.weights}, nor below {weights_dir}")
    from shared.encoder.download import download

    return download(part, pretrained, weights_dir)
