"""Training never sees an evaluation seed, and what it fits is what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from scripts.lab.train import data, device, discriminant, measure
from scripts.lab.train.captions import caption
from scripts.render import render_view
from scripts.supervisor import demo


def test_a_shard_holds_designs_from_the_training_seeds_on(tmp_path: Path) -> None:
    data.render_shard(tmp_path, "denim", 2, 2, 32, data.TRAINING_SEEDS)
    [(path, name, block)] = data.shards(tmp_path)
    photos = np.load(path)
    assert (name, block, photos.shape) == ("denim", 2, (data.BLOCK, 2, 32, 32, 3))
    first = data.TRAINING_SEEDS + 2 * data.BLOCK
    assert np.array_equal(photos[1, 0], render_view("denim", first + 1, 0, 32))
    assert not np.array_equal(photos[0, 0], photos[1, 0])


def test_a_finished_shard_is_not_rendered_again(tmp_path: Path) -> None:
    kept = tmp_path / "0000-denim.npy"
    kept.write_bytes(b"done")
    data.render_shard(tmp_path, "denim", 0, 2, 32, data.TRAINING_SEEDS)
    assert kept.read_bytes() == b"done"


def test_everything_else_renders_seeds_below() -> None:
    assert max(demo.SAMPLES, demo.FIRST_PHOTO, device.SEEDS) < data.TRAINING_SEEDS


def test_discriminant_finds_what_stays_between_views() -> None:
    rng = torch.Generator().manual_seed(1)
    designs = torch.arange(40).repeat_interleave(6)
    rows = torch.randn(240, 20, generator=rng) * 5
    rows[:, 7] = torch.randn(40, generator=rng).repeat_interleave(6) + 0.05 * torch.randn(240, generator=rng)
    found = discriminant.fit(rows, designs, 1, ridge=1e-3, components=20)
    axis = found.axes[:, 0].abs() / found.axes[:, 0].norm()
    assert axis[7] > 0.9
    assert found(rows).shape == (240, 1)


def test_few_shot_counts_only_queries() -> None:
    rows = np.repeat(np.eye(3), 4, axis=0)
    classes = np.repeat(np.arange(3), 4)
    assert measure.few_shot(rows, classes, 2) == (1.0, 1.0)
    rows[3] = rows[4]
    assert measure.few_shot(rows, classes, 2)[0] == 5 / 6


def test_captions_name_the_class_in_either_language() -> None:
    rng = np.random.default_rng(0)
    written = {caption("corduroy", ("red",), rng) for _ in range(60)}
    assert any("corduroy" in line for line in written)
    assert any("灯芯绒" in line for line in written)
