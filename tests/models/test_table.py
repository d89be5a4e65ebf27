"""Every row of docs/models.md, measured again: `make models-test`."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.lab.models_rows import ModelRow, rows
from tests.model_rows import int8_measured_again, measured_again

#: Seconds for one architecture.
_SECONDS = 1800


@pytest.mark.timeout(_SECONDS)
@pytest.mark.parametrize("row", rows(), ids=lambda row: row.architecture)
def test_it_is_as_the_table_says(row: ModelRow, tmp_path: Path) -> None:
    measured_again(row, tmp_path, most=100_000_000)


@pytest.mark.timeout(_SECONDS)
@pytest.mark.parametrize("row", [row for row in rows() if row.int8], ids=lambda row: row.architecture)
def test_int8_is_as_the_table_says(row: ModelRow, tmp_path: Path) -> None:
    int8_measured_again(row, tmp_path)
