"""Parquet, for pandas, Polars and DuckDB: typed columns, a row group for every `GROUP_ROWS` results."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice

from shared.jobs.export.columns import COLUMNS, TIMES, Cells
from shared.jobs.export.pieces import pieces
from shared.jobs.export.source import Source
from shared.jobs.field_model import Kind

GROUP_ROWS = 20_000


def as_parquet(source: Source) -> Iterator[bytes]:
    """Written to disk group by group, then read back in pieces; in nobody's words. pyarrow is optional."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {Kind.TEXT: pa.string(), Kind.INTEGER: pa.int64(), Kind.NUMBER: pa.float32(), Kind.FLAG: pa.bool_()}
    kinds[Kind.TIME] = pa.timestamp("ms", tz="UTC")
    schema = pa.schema([(column.name, kinds[column.kind]) for column in COLUMNS])
    cells = Cells(source.job, source.facts)

    def row(values: list[object]) -> list[object]:
        for at in TIMES:
            seconds = values[at]
            values[at] = int(seconds * 1000) if isinstance(seconds, int | float) else None
        return values

    with tempfile.TemporaryFile() as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            while group := [row(cells.of(one)) for one in islice(source.rows, GROUP_ROWS)]:
                columns = [
                    pa.array(column, field.type) for column, field in zip(zip(*group, strict=True), schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        yield from pieces(file)
