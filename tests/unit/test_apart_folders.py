"""Photos without a class lie in folders of the same names in the zip of the page and in the tree of `weft sort`."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from shared.jobs.export.folders import as_folders
from shared.jobs.sorting.naming import APART, APART_ZH, Template

ROWS: list[dict[str, Any]] = [
    {"final_label": None, "verdict": "unsure", "review": "todo"},
    {"final_label": None, "verdict": "not_in_bank", "review": "todo"},
    {"final_label": None, "verdict": "label", "review": "rejected"},
    {"final_label": None, "verdict": None, "review": "todo"},
    {"final_label": "denim", "verdict": "label", "review": "confirmed"},
]


@pytest.mark.parametrize("others", [APART, APART_ZH], ids=["en", "zh"])
def test_the_zip_and_the_tree_name_them_alike(others: Any) -> None:
    rows: Any = [{**row, "name": f"{n}.jpg", "index": n, "confidence": 0.5} for n, row in enumerate(ROWS)]
    data = b"".join(as_folders(rows, lambda row: b"a photo", {}, others))
    zipped = zipfile.ZipFile(io.BytesIO(data)).namelist()
    place = Template(others=others).place
    assert zipped == [place(row) for row in rows]
    assert len({name.partition("/")[0] for name in zipped}) == len(ROWS)
