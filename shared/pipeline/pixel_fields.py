"""Fields of a result that come from the photo itself, once per photo: the values are kept with the cached vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from PIL import Image

from shared.encoder import Encoder
from shared.jobs.fields import FROM_FILE, FROM_PIXELS
from shared.photos import dominant_colours, picture_measures
from shared.photos.perceptual_hash import perceptual_hash
from shared.photos.photo_facts import DecodedPhoto

_log = structlog.get_logger(__name__)

#: Name in `fields.EXTRA` → function of an RGB picture whose shorter side is at least the encoder's `decode_size` where
#: the photo has so many. Returns plain JSON. Runs once a photo in the decoders: about a millisecond.
COMPUTE: Mapping[str, Callable[[Image.Image], Any]] = {
    "colours": dominant_colours.dominant,
    # Judged by each bank's own limits once the photo is ranked: `shared.bank.photo_gate`.
    "quality": picture_measures.measure,
    "fingerprint": perceptual_hash,
}


def required(encoder: Encoder) -> frozenset[str]:
    """The values, by `Field.key`, that a photo of this encoder must have; engines without pixels cannot compute any."""
    return frozenset(f.key for f in (*FROM_PIXELS, *FROM_FILE)) if encoder.needs_pixels else frozenset()


def compute(photo: DecodedPhoto) -> dict[str, Any]:
    """The values of all these fields, by `Field.key`; one that cannot be computed is None, and the photo succeeds."""
    found: dict[str, Any] = {}
    for f in FROM_PIXELS:
        try:
            found[f.key] = COMPUTE[f.name](photo.picture)
        except Exception as error:
            _log.error("pixel_field_failed", field=f.name, exc_info=error)
            found[f.key] = None
    facts = photo.facts.to_json()
    return found | {f.key: facts[f.name] for f in FROM_FILE}
