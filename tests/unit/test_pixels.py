"""What is made of a photo is the same from its pixels as from its picture, from which a decoder makes all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shared.encoder.preprocessing import Preprocessing
from shared.encoder.views import View
from shared.photos.dominant_colours import dominant
from shared.photos.perceptual_hash import perceptual_hash
from shared.photos.photo_facts import DecodedPhoto, PhotoFacts
from shared.photos.picture_measures import measure
from shared.photos.pixels import Pixels
from shared.photos.thumbnails import thumbnail, thumbnails

MADE: dict[str, Callable[[Pixels], Any]] = {
    "colours": dominant,
    "measures": measure,
    "fingerprint": perceptual_hash,
    "thumbnail": thumbnail,
    "thumbnails": thumbnails,
    "input": lambda pixels: Preprocessing((64, 64)).apply(pixels).tobytes(),
    "view": lambda pixels: np.asarray(View(0.5, 0.5, 0.5, turns=1)(pixels)).tobytes(),
}


def cloth(width: int, height: int) -> NDArray[np.uint8]:
    coarse = Image.effect_noise((max(1, width // 8), max(1, height // 8)), 90).resize((width, height))
    bands = [np.asarray(coarse, np.int16) + shift for shift in (-40, 0, 25)]
    return np.clip(np.stack(bands, -1), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(720, 540), (540, 720), (500, 161), (160, 300), (150, 90), (300, 2), (1, 1)])
def test_pixels_and_picture_give_the_same(size: tuple[int, int]) -> None:
    photo = DecodedPhoto(cloth(*size), PhotoFacts(size))
    for name, make in MADE.items():
        assert make(photo.picture) == make(photo.pixels), name
    # All of them were made from one picture, and none has changed it.
    assert photo.picture is photo.picture
    assert np.array_equal(np.asarray(photo.picture), photo.pixels)
