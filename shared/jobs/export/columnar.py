"""Parquet, for pandas, Polars and DuckDB: typed columns, a row group for every `GROUP_ROWS` results."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice

from shared.jobs.export.columns import COLUMNS, cells
from shared.jobs.export.headings import Words
from shared.jobs.export.pieces import pieces
from shared.jobs.field_model import Kind
from shared.jobs.model import Job
from shared.jobs.shown import ShownItem

GROUP_ROWS = 20_000


def as_parquet(job: Job, rows: Iterator[ShownItem], words: Words | None = None) -> Iterator[bytes]:
    """Written to disk group by group, then read back in pieces; in nobody's words. pyarrow is optional."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {Kind.TEXT: pa.string(), Kind.INTEGER: pa.int64(), Kind.NUMBER: pa.float32(), Kind.FLAG: pa.bool_()}
    schema = pa.schema([(column.name, kinds[column.kind]) for column in COLUMNS])
    with tempfile.TemporaryFile() as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            while group := [cells(job, row) for row in islice(rows, GROUP_ROWS)]:
                columns = [
                    pa.array(column, field.type) for column, field in zip(zip(*group, strict=True), schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        yield from pieces(file)
