"""Poor photos are told from good ones by limits that the bank's photos set; a severe defect makes a result unsure."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.lab.bench.photo_defects import DEFECTS, NO_FABRIC, Picture, finished
from scripts.render import render
from shared.bank.measures import Measures
from shared.bank.photo_gate import CODES, DEFAULT, RULES, VERSION, PhotoLimits
from shared.core.messages import sentence
from shared.core.settings import Settings
from shared.curation.photo_limits import FALSE_ALARMS, LEAST, learn
from shared.curation.quality import measure as measure_sample
from shared.jobs.model import Item
from shared.jobs.result_rows import public
from shared.photos.picture_measures import SIDE, measure
from shared.pipeline.judging import judged
from shared.ranking.model import Candidate, Ranking, Verdict
from tests.pipeline_harness import Colours, ListSource, cut, make_pipeline, run

CLOTHS = ("canvas", "twill", "corduroy", "tweed")
SURE = Ranking(Verdict.LABEL, "denim", 0.97, 0.9, (Candidate("denim", 0.9, "s1"), Candidate("twill", 0.4, "s2")))


@cache
def cloth(name: str, seed: int) -> Picture:
    return render(name, seed, 224)


@cache
def limits() -> PhotoLimits:
    found = learn(measure(cloth(name, seed)) for name in CLOTHS for seed in range(LEAST // len(CLOTHS)))
    assert found is not None
    return found


def told(photo: Picture, by: PhotoLimits) -> dict[str, bool]:
    return {str(code): severe for code, severe in by.defects(measure(photo))}


@pytest.mark.parametrize("name", ["out of focus 2 %", "4 stops under", "reflection 18 %", "two cloths", "on a table"])
def test_defects_are_found(name: str) -> None:
    code, spoil = DEFECTS[name]
    rng = np.random.default_rng(7)
    photos = [cloth(one, 100) for one in CLOTHS]
    spoilt = [finished(spoil(photo, photos[n - 1], rng), rng) for n, photo in enumerate(photos)]
    found = [told(photo, limits()) for photo in spoilt]
    assert sum(code in one for one in found) >= 2, found


@pytest.mark.parametrize("name", NO_FABRIC)
def test_what_is_no_fabric_is_told(name: str) -> None:
    rng = np.random.default_rng(3)
    for by in (limits(), DEFAULT):
        assert told(finished(NO_FABRIC[name](256, rng), rng), by)


def test_good_photos_pass() -> None:
    photos = [cloth(name, seed) for name in CLOTHS for seed in range(100, 110)]
    assert sum(bool(told(photo, limits())) for photo in photos) <= 1


def test_few_good_photos_are_warned_of_whatever_the_reason() -> None:
    """Measures that fail different photos share the false alarms: each of them alone would warn of two in a hundred."""
    rng = np.random.default_rng(1)
    names = ("split", "inner", "patchy", "fine")
    usual = {name: RULES[name].strictest * (0.9 if RULES[name].above else 1.1) for name in names}

    def photos(count: int) -> list[dict[str, float]]:
        """Of cloths whose measures have long tails towards the bad side, independent of each other."""
        signs = {name: 1 if RULES[name].above else -1 for name in names}
        return [
            {n: v * float(np.exp(signs[n] * 0.12 * rng.exponential())) for n, v in usual.items()} for _ in range(count)
        ]

    alarms = []
    for _ in range(20):
        learnt = learn(photos(200))
        assert learnt is not None
        alarms.append(np.mean([bool(learnt.defects(photo)) for photo in photos(200)]))
    assert 0.005 < np.mean(alarms) <= 1.15 * FALSE_ALARMS


@pytest.mark.parametrize("seed", range(4))
def test_pleats_are_not_blurred(seed: int) -> None:
    """Along themselves they are even, in the sharpest photo, too."""
    photo = render("pleated", seed, 256)
    assert "blurred" not in told(photo, DEFAULT)


def test_photos_cached_by_an_earlier_release_are_still_judged() -> None:
    assert learn([{"sharp": 0.2, "light": 180.0}] * LEAST) is not None
    assert DEFAULT.defects({"sharp": 0.001}) == DEFAULT.defects({"fine": 0.001}) == [("blurred", True)]


def test_limits_are_those_of_the_banks_own_cloths() -> None:
    """Black cloth, photographed well, is no reason for a warning in a bank of black cloth."""
    black = [(cloth(name, seed) * 0.2).astype(np.uint8) for name in CLOTHS for seed in range(LEAST // len(CLOTHS))]
    learnt = learn(measure(photo) for photo in black)
    assert learnt is not None
    photo = (cloth("twill", 100) * 0.2).astype(np.uint8)
    assert "dark" in told(photo, limits())
    assert "dark" not in told(photo, learnt)


def test_too_few_photos_teach_nothing() -> None:
    rows = [measure(cloth("twill", 100))] * (LEAST - 1)
    assert learn([*rows, None]) is None
    assert learn([*rows, rows[0]]) is not None


def test_limits_of_another_measure_are_not_used() -> None:
    odd = PhotoLimits(version=VERSION + 1, photos=99, limits=dict.fromkeys(RULES, (0.0, 0.0)))
    assert [odd.of(name) for name in RULES] == [DEFAULT.of(name) for name in RULES]
    assert PhotoLimits.from_json(limits().to_json()) == limits()


def test_photos_of_any_size_compare() -> None:
    """Sharpness is not told of a photo with fewer pixels than are measured, and nothing of one with hardly any."""
    large, small = measure(render("twill", 100, 448)), measure(render("twill", 100, SIDE))
    assert large["fine"] == pytest.approx(small["fine"], rel=0.5)
    assert "fine" not in measure(cloth("twill", 100)[:100])
    assert measure(cloth("twill", 100)[:40]) == {"side": 40}
    assert DEFAULT.defects({}) == []


def test_a_severe_defect_leaves_classes_and_scores_as_they_are() -> None:
    dark = {"light": 5.0}
    final, extra = judged(SURE, {"quality/1": dark, "camera/1": "X"}, None)
    assert final.verdict is Verdict.UNSURE
    assert (final.label, final.confidence, final.candidates) == (SURE.label, SURE.confidence, SURE.candidates)
    assert extra == {"quality/1": [["dark", True]], "camera/1": "X"}
    warned, _ = judged(SURE, {"quality/1": {"light": 55.0}}, None)
    assert warned == SURE
    # A result of hash engines, or one of an earlier version, has no measures.
    assert judged(SURE, {}, None) == (SURE, {})


@pytest.mark.parametrize("name", ["twill", "satin", "velvet"])
def test_sharpness_of_a_sample_does_not_depend_on_its_size(name: str) -> None:
    large = Image.fromarray(render(name, 1, 1024))
    sizes = ((511, 511), (512, 512), (767, 767), (1024, 1024))
    found = [measure_sample(np.asarray(large.resize(size, Image.Resampling.LANCZOS))).sharpness for size in sizes]
    assert max(found) < 1.05 * min(found), found


def test_samples_keep_their_measures() -> None:
    measures = measure_sample(cloth("twill", 1))
    row = measures.to_json()
    assert Measures.from_json(row) == measures
    del row["picture"]
    earlier = Measures.from_json(row)
    assert earlier is not None
    assert earlier.picture is None
    assert earlier.to_json() == row


def test_every_code_says_what_to_do() -> None:
    for code in CODES:
        english, chinese = (sentence(f"retake_{code}", lang) for lang in ("en", "zh"))
        assert english != chinese
        assert len(english) > 20


def test_from_the_pixels_to_the_result(tmp_path: Path, settings: Settings) -> None:
    """Through decoding and cache; the cached photo is judged by the limits of the bank that it is ranked by."""
    Image.fromarray(cloth("twill", 100)).save(tmp_path / "good.png")
    Image.new("RGB", (256, 256), (90, 90, 90)).save(tmp_path / "wall.png")
    items = [Item(n, name, path=str(tmp_path / name)) for n, name in enumerate(("good.png", "wall.png"))]
    encoder = Colours()
    encoder.decode_size = 224
    pipeline = make_pipeline(tmp_path, encoder, judge=lambda ranking, extra, bank: judged(ranking, extra, None))
    for cached in (False, True):
        source = ListSource.of(*cut(items, 2))
        run(pipeline, source)
        good, wall = (public(source.results[n], "zh") for n in (0, 1))
        assert wall["cached"] is cached
        assert good["quality"] == []  # type: ignore[typeddict-item]
        (defect,) = wall["quality"]  # type: ignore[typeddict-item]
        assert (defect["code"], defect["severe"]) == ("no_fabric", True)
        assert "重拍" in defect["message"]
        assert wall["verdict"] in ("unsure", "not_in_bank")
