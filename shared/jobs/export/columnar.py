"""Parquet, for pandas, Polars and DuckDB: typed columns, a row group for every `GROUP_ROWS` results."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice
from typing import Any

from shared.jobs.export.columns import COLUMNS, cells
from shared.jobs.export.pieces import pieces
from shared.jobs.model import Job

GROUP_ROWS = 20_000
_INTEGERS = frozenset({"index"})
_FLAGS = frozenset({"cached"})
_NUMBERS = frozenset({"confidence", "margin", "score_1", "score_2", "score_3"})


def as_parquet(job: Job, rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """Written to disk group by group, then read back in pieces. pyarrow is optional."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def kind(column: str) -> Any:
        if column in _INTEGERS:
            return pa.int64()
        if column in _FLAGS:
            return pa.bool_()
        return pa.float32() if column in _NUMBERS else pa.string()

    schema = pa.schema([(column, kind(column)) for column in COLUMNS])
    with tempfile.TemporaryFile() as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            while group := [cells(job, row) for row in islice(rows, GROUP_ROWS)]:
                columns = [
                    pa.array(column, field.type) for column, field in zip(zip(*group, strict=True), schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        yield from pieces(file)
