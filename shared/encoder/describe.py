"""Which encoder the settings mean, without loading it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.encoder_info import EncoderInfo
from shared.core.errors import ModelError
from shared.encoder import architectures, engine, identity, spec, tables
from shared.encoder.choice import choose, unknown_architecture
from shared.encoder.store import Manifest, ModelStore
from shared.encoder.views import seen

if TYPE_CHECKING:
    from shared.core.settings import Settings
    from shared.encoder.engine import Engine
    from shared.encoder.spec import Part

#: The encoder of null engines whose model is not known here.
_NULL_DIM = 512
_NULL_SIZE = 224


def describe(settings: Settings) -> EncoderInfo:
    """The active encoder, from the model store or the architecture's config: no torch, no numpy.

    Raises ModelError `model_not_converted` where it takes the conversion to know (null engines then take the name
    `null`), `model_unavailable` where WEFT_MODEL cannot be read, and those of `choice.choose`.
    """
    chosen = engine.parse(settings.engine)
    store = ModelStore.of(settings)
    parts = spec.parse(settings.model)
    try:
        return seen(combine([_part_info(store, part, chosen) for part in parts], chosen), settings.views)
    except ModelError:
        if chosen.has_model:
            raise
        return EncoderInfo("null", identity.digest("null"), "null", chosen.kind, _NULL_DIM, _NULL_SIZE, trained=False)


def info_of(manifest: Manifest, chosen: Engine) -> EncoderInfo:
    """One converted model as `EncoderInfo`."""
    return EncoderInfo(
        model=manifest.name,
        identity=manifest.identity,
        precision=chosen.precision,
        engine=chosen.kind,
        dim=manifest.dim,
        input_size=manifest.preprocessing.side,
        device=chosen.device,
        trained=chosen.has_model,
        preprocessing=manifest.preprocessing_from,
    )


def combine(infos: list[EncoderInfo], chosen: Engine) -> EncoderInfo:
    """Several models as the one encoder that concatenates their vectors."""
    if len(infos) == 1:
        return infos[0]
    return EncoderInfo(
        model=" + ".join(info.model for info in infos),
        identity=identity.of_joined([info.identity for info in infos]),
        precision=chosen.precision,
        engine=chosen.kind,
        dim=sum(info.dim for info in infos),
        input_size=max(info.input_size for info in infos),
        device=chosen.device,
        trained=all(info.trained for info in infos),
        preprocessing=" + ".join(info.preprocessing for info in infos),
    )


def _part_info(store: ModelStore, part: Part, chosen: Engine) -> EncoderInfo:
    manifest = store.find(part)
    if manifest is not None:
        return info_of(manifest, chosen)
    config = architectures.config(part.architecture)
    known = store.identity_if_known(part)
    choice = choose(part, spec.locate_weights(part, store.weights_dir)) if config else None
    if config is None or known is None or choice is None:
        if config is None and part.architecture not in tables.architectures():
            raise unknown_architecture(part)
        raise ModelError("model_not_converted", model=part.name)
    return EncoderInfo(
        model=part.name,
        identity=known,
        precision=chosen.precision,
        engine=chosen.kind,
        dim=config.embed_dim,
        input_size=choice.preprocessing(config.vision.image_size).side,
        device=chosen.device,
        trained=chosen.has_model,
        preprocessing=choice.source,
    )
