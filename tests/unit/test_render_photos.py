"""The renderer: the same seed gives the same photo, another seed or view another one, every class a proper picture."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.render import CLASSES, describe, jpeg, render, render_view, save_jpeg
from scripts.render.palette import SHADES


def test_there_are_enough_classes_with_names_in_two_languages() -> None:
    assert len(CLASSES) >= 32
    for name, entry in CLASSES.items():
        assert name == entry.name
        assert name.isascii()
        assert entry.en.isascii()
        assert any("\u4e00" <= letter <= "\u9fff" for letter in entry.zh)
    assert len({entry.zh for entry in CLASSES.values()}) == len(CLASSES)


@pytest.mark.parametrize("name", list(CLASSES))
def test_a_class_renders_a_picture_with_structure(name: str) -> None:
    photo = render(name, 3, 96)
    assert photo.shape == (96, 96, 3)
    assert photo.dtype == np.uint8
    assert photo.astype(float).std() > 1.5
    assert 4 < photo.mean() < 251


def test_a_seed_is_a_photo() -> None:
    first = render("tweed", 11, 96)
    render("denim", 5, 96)
    np.testing.assert_array_equal(first, render("tweed", 11, 96))
    assert (first != render("tweed", 12, 96)).mean() > 0.5


def test_size_is_height_then_width() -> None:
    assert render("twill", 1, (64, 128)).shape == (64, 128, 3)


def test_views_show_one_cloth() -> None:
    """Colours belong to the design: two views of a cloth differ less in mean colour than two cloths, on the whole."""

    def chroma(photo: np.ndarray) -> np.ndarray:
        mean = photo.reshape(-1, 3).mean(0)
        return mean / mean.sum()

    same, other = [], []
    for design in range(12):
        first = chroma(render_view("felt", design, 0, 64))
        same.append(np.abs(first - chroma(render_view("felt", design, 1, 64))).sum())
        other.append(np.abs(first - chroma(render_view("felt", design + 50, 0, 64))).sum())
    assert np.mean(same) < 0.5 * np.mean(other)


def test_a_view_is_another_look() -> None:
    assert (render_view("canvas", 1, 0, 64) != render_view("canvas", 1, 1, 64)).mean() > 0.5


def test_unknown_class_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        render("unobtainium", 1)


def test_describe_names_known_colours() -> None:
    assert set(describe("linen", 4)) <= set(SHADES)


def test_jpeg_is_written_where_asked(tmp_path) -> None:  # type: ignore[no-untyped-def]
    target = tmp_path / "a" / "b.jpg"
    photo = render("rib_knit", 1, 64)
    save_jpeg(target, photo)
    assert target.read_bytes() == jpeg(photo)
    assert target.read_bytes()[:2] == b"\xff\xd8"
