"""A row of docs/models.md beside what happens now."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.lab import models_int8
from scripts.lab.models_rows import ModelRow
from scripts.lab.models_table import measured, save_weights


def measured_again(row: ModelRow, folder: Path, most: int) -> None:
    """Converts the architecture and compares all that does not depend on the machine, of photos of `most` pixels."""
    save_weights(row.architecture, folder / f"{row.architecture}.safetensors")
    now = measured(row.architecture, row.family, folder, speed=False, most=most)
    assert (now.error, now.input_size, now.dim) == (row.error, row.input_size, row.dim)
    if row.text == "":
        assert now.text == ""
    if row.error is None:
        assert now.size_mb == pytest.approx(row.size_mb, rel=0.02, abs=1)
        # A processor without bf16 is closer.
        assert now.smallest >= min(row.smallest, 0.9999) - 0.002


def int8_measured_again(row: ModelRow, folder: Path) -> None:
    """Quantizes the architecture and compares its vectors; how quick it is depends on the machine."""
    assert row.int8 is not None
    save_weights(row.architecture, folder / f"{row.architecture}.safetensors")
    now = models_int8.measured(row.architecture, folder)
    assert now.error == row.int8.error, now.error
    assert now.centred >= row.int8.centred - 0.03
    assert now.before == pytest.approx(row.int8.before, abs=0.1)
