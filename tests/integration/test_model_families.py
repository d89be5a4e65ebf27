"""One small architecture of each family converts and answers as docs/models.md says."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.lab.models_rows import SMALL, ModelRow, rows
from tests.model_rows import int8_measured_again, measured_again

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("row", [row for row in rows() if row.architecture in SMALL], ids=lambda row: row.architecture)
def test_it_is_as_the_table_says(row: ModelRow, tmp_path: Path) -> None:
    measured_again(row, tmp_path, most=1_000_000)


def test_int8_of_the_smallest_is_as_the_table_says(tmp_path: Path) -> None:
    (row,) = (row for row in rows() if row.architecture == SMALL[0])
    int8_measured_again(row, tmp_path)


def test_each_small_one_is_in_the_table() -> None:
    assert set(SMALL) <= {row.architecture for row in rows() if row.error is None}
