"""Parquet, for pandas, Polars and DuckDB: typed columns, a row group for every `GROUP_ROWS` results."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from shared.core.chunked import chunked
from shared.jobs.export.columns import COLUMNS, Cells
from shared.jobs.export.pieces import pieces
from shared.jobs.export.source import Source
from shared.jobs.field_model import Column, Kind

GROUP_ROWS = 20_000


def as_parquet(source: Source) -> Iterator[bytes]:
    """In nobody's words."""
    return parquet_pieces(COLUMNS, map(Cells(source.job, source.facts).of, source.rows))


def parquet_pieces(columns: Sequence[Column], rows: Iterable[list[Any]]) -> Iterator[bytes]:
    """Rows of these columns, written to disk group by group, then read back in pieces; times are seconds since the
    epoch. pyarrow is optional."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {Kind.TEXT: pa.string(), Kind.INTEGER: pa.int64(), Kind.NUMBER: pa.float32(), Kind.FLAG: pa.bool_()}
    kinds[Kind.TIME] = pa.timestamp("ms", tz="UTC")
    schema = pa.schema([(column.name, kinds[column.kind]) for column in columns])
    times = [at for at, column in enumerate(columns) if column.kind is Kind.TIME]

    def row(values: list[Any]) -> list[Any]:
        for at in times:
            seconds = values[at]
            values[at] = int(seconds * 1000) if isinstance(seconds, int | float) else None
        return values

    with tempfile.TemporaryFile() as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for group in chunked(map(row, rows), GROUP_ROWS):
                arrays = [
                    pa.array(column, field.type) for column, field in zip(zip(*group, strict=True), schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
        yield from pieces(file)
