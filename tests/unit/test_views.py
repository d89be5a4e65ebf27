"""Sets of views: crops and turns, another identity for each, what they bring to a bank."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from scripts.cli.bank_words import view_words
from shared.core.encoder_info import EncoderInfo
from shared.core.settings import Settings
from shared.curation.legacy import encoder_of
from shared.curation.view_gains import _VIEWS, compare
from shared.encoder import describe
from shared.encoder.views import SETS, View, seen

INFO = EncoderInfo("demo", "feedfeedfeedfeed", "f32", "openvino", 8, 224)


def test_the_setting_names_the_sets() -> None:
    assert get_args(Settings.model_fields["views"].annotation) == tuple(SETS)


def test_each_set_has_an_identity_and_a_cache_of_its_own() -> None:
    infos = {views: seen(INFO, views) for views in SETS}
    assert infos["1"] is INFO
    assert len({info.identity for info in infos.values()}) == len({i.cache_digest for i in infos.values()}) == len(SETS)
    assert [info.views for info in infos.values()] == list(SETS)


def test_web_and_workers_mean_the_same_encoder(settings: Settings) -> None:
    plain, five = (describe(settings.model_copy(update={"views": views})) for views in ("1", "5"))
    if plain.model != "null":
        assert five == seen(plain, "5")


def test_imported_vectors_are_of_whole_photos(settings: Settings) -> None:
    info, _ = encoder_of(settings.model_copy(update={"views": "5"}), 512)
    assert info.views == "1"


def test_crops_are_of_the_middle_square() -> None:
    photo = np.arange(6 * 10 * 3, dtype=np.uint8).reshape(6, 10, 3)
    assert View()(photo) is photo
    np.testing.assert_array_equal(View(0.5, 0.5, 0.5)(photo), photo[3:6, 5:8])
    np.testing.assert_array_equal(View(turns=1)(photo), np.rot90(photo[:, 2:8]))
    assert View(0.5, 0.5, 0.5)(np.zeros((1, 1, 3), np.uint8)).shape == (1, 1, 3)


@pytest.mark.parametrize("helps", [True, False])
def test_gain_and_price(helps: bool) -> None:
    """Two classes whose whole photos are alike but whose crops are not, or the reverse."""
    rng = np.random.default_rng(1)
    owner = np.repeat(np.arange(4), 12)
    told = np.eye(16, dtype=np.float32)[owner]
    vectors = rng.normal(size=(48, len(_VIEWS), 16)).astype(np.float32)
    for number, view in enumerate(_VIEWS):
        if (view.side < 1) == helps:
            vectors[:, number] = told + 0.15 * vectors[:, number]
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    one, five, _, turns = compare(vectors, owner)
    assert (one.gain, one.cost, five.cost, turns.cost) == (0, 1, 5, 4)
    assert (five.interval[0] > 0) == helps
    assert (five.interval[1] < 0) == (not helps)
    line = next(line for line in view_words([one, five]) if "WEFT_VIEWS=5" in line)
    assert ("better" if helps else "worse") in line
    assert "for 5 × the time" in line
    assert view_words([]) == []
