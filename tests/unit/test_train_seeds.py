"""Training never sees an evaluation seed, and what it fits is what it says."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from scripts.train import data, discriminant, measure
from scripts.train.captions import caption


def test_a_set_starts_at_the_training_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def remember(_name: str, _out: str, designs: int, _views: int, _side: int, first: int) -> str:
        seen.extend(range(first, first + designs))
        return _name

    monkeypatch.setattr(data, "_render_class", remember)
    monkeypatch.setattr(data, "ProcessPoolExecutor", ThreadPoolExecutor)
    monkeypatch.setattr("sys.argv", ["data", "--out", str(tmp_path), "--designs", "2", "--workers", "1"])
    data.main()
    assert min(seen) >= data.TRAINING_SEEDS
    assert json.loads((tmp_path / "set.json").read_text())["first"] == data.TRAINING_SEEDS


def test_discriminant_finds_what_stays_between_views() -> None:
    rng = np.random.default_rng(1)
    designs = np.repeat(np.arange(40), 6)
    rows = rng.normal(size=(240, 20)) * 5
    rows[:, 7] = np.repeat(rng.normal(size=40), 6) + 0.05 * rng.normal(size=240)
    found = discriminant.fit(rows, designs, 1, ridge=1e-3, components=20)
    axis = np.abs(found.axes[:, 0]) / np.linalg.norm(found.axes[:, 0])
    assert axis[7] > 0.9


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
