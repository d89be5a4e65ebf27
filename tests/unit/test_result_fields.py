"""The table of fields: what is derived from it agrees with files and ledgers that exist; a new field needs no more."""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest

from shared.core.migrations import migrate
from shared.jobs.export.columns import NAMES
from shared.jobs.field_model import Column, Field, Kind, Stored, numbered
from shared.jobs.fields import EXTRA, FIELDS, STORED, from_sql, to_sql
from shared.jobs.ledger.wire import pack_results, unpack_results
from shared.jobs.model import ItemResult
from shared.jobs.projection_schema import STEPS
from shared.jobs.result_rows import columns, public
from shared.ranking.model import Ranking, Verdict

EARLIER = ItemResult(0, "a.jpg", 1, "ff", True, Ranking(Verdict.UNSURE, "silk", 0.5, 0.25))
LATER = ItemResult(
    0, "a.jpg", 1, "ff", True, Ranking(Verdict.UNSURE, "silk", 0.5, 0.25), extra={"shade/1": ["red", 0.5]}
)


def row(packed: bytes) -> list[object]:
    return json.loads(zlib.decompress(packed))[0]


def test_a_projection_has_exactly_the_declared_columns(tmp_path: Path) -> None:
    """A field with a column of its own also needs a step of the schema."""
    with closing(sqlite3.connect(tmp_path / "p.sqlite", isolation_level=None)) as database:
        migrate(database, STEPS)
        made = {
            name: f"{kind}{' PRIMARY KEY' if key else ''}{' NOT NULL' if required else ''}"
            for _, name, kind, required, _, key in database.execute("PRAGMA table_info(items)")
        }
    assert made == {stored.column: stored.sql for stored in STORED}


def test_names_are_unique_and_later_fields_are_complete() -> None:
    for names in ([f.name for f in FIELDS], [s.column for s in STORED], NAMES):
        assert len(set(names)) == len(names)
    for f in EXTRA:
        assert f.version >= 1
        # One without a label is not on pages.
        assert f.label or not (f.folded or f.columns)
        assert not f.stored


def test_extra_values_travel_through_ledger_and_projection() -> None:
    assert unpack_results(pack_results([LATER])) == [LATER]
    assert row(pack_results([LATER]))[8] == {"shade/1": ["red", 0.5]}
    held = dict(zip((s.column for s in STORED), columns(LATER), strict=True))
    assert [from_sql(s, held[s.column]) for s in STORED if s.column == "extra"] == [{"shade/1": ["red", 0.5]}]


def test_rows_of_other_versions_are_read() -> None:
    """Without extra values the row is that of the first release; a later version's may be longer, in both parts."""
    first = row(pack_results([EARLIER]))
    assert len(first) == 8
    longer = [*first, {"shade/1": "red"}, "of a later version"]
    longer[5] = [*longer[5], "of a later version"]  # type: ignore[misc]
    (found,) = unpack_results(zlib.compress(json.dumps([longer]).encode()))
    assert found.ranking == EARLIER.ranking
    assert found.extra == {"shade/1": "red"}
    assert public(found) == public(EARLIER)


@pytest.mark.parametrize("stored", [s for s in STORED if s.json_text], ids=lambda s: s.column)
def test_rows_without_a_value_are_read(stored: object) -> None:
    """An empty list or object is NULL, as in files of earlier versions that lack the column; some hold it as text."""
    assert isinstance(stored, Stored)
    assert to_sql(stored, stored.empty) is None
    assert from_sql(stored, None) == stored.empty
    assert from_sql(stored, json.dumps(stored.empty)) == stored.empty


def test_a_value_of_another_version_is_not_shown() -> None:
    shade = Field("shade", str | None, "", version=2)
    assert shade.value({"extra": {"shade/1": "red"}}) is None
    assert shade.value({"extra": {"shade/1": "red", "shade/2": "blue"}}) == "blue"


def test_columns_of_a_list() -> None:
    found = numbered(2, Column("shade", cell=lambda s: s["name"]), Column("share", Kind.NUMBER, lambda s: s["share"]))
    entries = [{"name": "red", "share": 0.5}]
    assert [(c.name, c.kind, c.cell(entries)) for c in found] == [
        ("shade_1", Kind.TEXT, "red"),
        ("share_1", Kind.NUMBER, 0.5),
        ("shade_2", Kind.TEXT, None),
        ("share_2", Kind.NUMBER, None),
    ]
    assert [c.cell(None) for c in found] == [None] * 4
