"""What is said of a poor photo is what helps: light where there is none, nearer where the cloth is small, and so on."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from scripts.lab.bench.photo_defects import Picture, blurred, exposed, finished
from scripts.render import render
from shared.bank.photo_gate import DEFAULT, RULES, VERSION, PhotoLimits
from shared.core.messages import sentence
from shared.curation.photo_limits import LEAST, learn
from shared.photos.picture_measures import measure

CLOTHS = ("satin", "velvet", "tulle", "denim", "corduroy")
TABLES = ((200, 190, 170), (120, 90, 60), (250, 250, 250))


@cache
def cloth(name: str, seed: int = 100) -> Picture:
    return render(name, seed, 224)


@cache
def learnt() -> PhotoLimits:
    found = learn(measure(cloth(name, seed)) for name in CLOTHS for seed in range(LEAST // len(CLOTHS)))
    assert found is not None
    return found


def told(photo: Picture) -> tuple[set[str], set[str]]:
    """By the default limits, and by those of a bank of these cloths."""
    measures = measure(photo)
    default, own = ({str(code) for code, _ in by.defects(measures)} for by in (DEFAULT, learnt()))
    return default, own


def chance() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize("name", CLOTHS)
def test_a_nearly_black_photo_needs_light(name: str) -> None:
    black = finished(exposed(-7)(cloth(name), cloth(name), chance()), chance())
    assert told(black) == ({"dark"}, {"dark"})


@pytest.mark.parametrize("name", ["satin", "velvet", "tulle", "corduroy"])
def test_a_washed_out_photo_needs_less_light(name: str) -> None:
    white = finished(exposed(4)(cloth(name), cloth(name), chance()), chance())
    assert told(white) == ({"overexposed"}, {"overexposed"})
    assert told(np.full((200, 200, 3), 255, np.uint8)) == ({"overexposed"}, {"overexposed"})


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", CLOTHS)
def test_a_small_swatch_on_a_table_is_too_far_away(name: str, table: tuple[int, int, int]) -> None:
    for share in (0.15, 0.22, 0.5):
        photo = Image.new("RGB", (320, 320), table)
        side = round(320 * share)
        at = (320 - side) // 2
        photo.paste(Image.fromarray(cloth(name)).resize((side, side), Image.Resampling.BOX), (at, at))
        assert told(np.asarray(photo)) == ({"far"}, {"far"})


@pytest.mark.parametrize(("paper", "margin"), [((255, 255, 255), 20), ((235, 232, 228), 20), ((235, 232, 228), 106)])
def test_a_page_of_text_is_no_fabric(paper: tuple[int, int, int], margin: int) -> None:
    page = Image.new("RGB", (640, 640), paper)
    font, pen = ImageFont.load_default(size=22), ImageDraw.Draw(page)
    for top in range(margin, 640 - margin, 31):
        pen.text(
            (margin, top),
            "order fabric sample 2026 price metres number"[: (640 - 2 * margin) // 12],
            (25, 25, 30),
            font,
        )
    assert told(np.asarray(page)) == ({"no_fabric"}, {"no_fabric"})


def test_a_tiny_photo_is_told_of_its_size() -> None:
    tiny = np.asarray(Image.fromarray(cloth("denim")).resize((50, 50)))
    assert told(tiny) == ({"tiny"}, {"tiny"})
    assert DEFAULT.defects(measure(tiny)) == [("tiny", False)]
    assert "full size" in sentence("retake_tiny", "en")
    assert "原图" in sentence("retake_tiny", "zh")
    # Nor do tiny samples teach anything.
    assert learn([measure(tiny)] * LEAST) is None


@pytest.mark.parametrize("name", CLOTHS)
def test_no_good_photo_is_a_swatch_or_a_page(name: str) -> None:
    assert not {"swatch", "side"} & measure(cloth(name)).keys()
    assert measure(cloth(name))["print"] == 0


def test_a_bank_with_unsharp_samples_still_tells_a_blurred_photo() -> None:
    """Two in a hundred samples without any fine structure do not make every photo sharp."""
    good = [measure(cloth("houndstooth", seed)) for seed in range(4)] * 25
    limits = learn(good + [{**good[0], "fine": 0.0}] * 4)
    assert limits is not None
    assert limits.limits["fine"] == RULES["fine"].mildest
    out = measure(finished(blurred(0.03)(cloth("houndstooth"), cloth("houndstooth"), chance()), chance()))
    assert ("blurred", True) in limits.defects(out)
    # Nor those of banks that were built before.
    earlier = PhotoLimits(version=VERSION, photos=255, limits={"sharp": (-0.0072, -0.0096)})
    assert ("blurred", True) in earlier.defects(out)
