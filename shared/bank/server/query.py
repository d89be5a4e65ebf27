"""The one question that ranking asks of a bank's table: the best samples of some classes, exactly."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from shared.bank.server.connection import Connection

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

#: Values (rows × columns) that one statement compares at most: some tenths of a second, far from a hang.
_MAX_VALUES = 100_000_000
#: One answer is one value, packed: a row a sample would take longer to fetch than to find.
_PACKED = np.dtype([("pair", ">i4"), ("row", ">i4"), ("cosine", ">f4"), ("density", ">f4")])


class Nearest(NamedTuple):
    """For each of p pairs of a query and a class; as `shared.ranking.class_samples.Best`."""

    #: [p, k] rows, best first, ties by row; -1 where the class has fewer.
    rows: Ints
    #: [p, k]; -inf where the class has fewer.
    cosines: Floats
    #: [p], where it was asked for.
    density: Floats | None


def nearest(
    connection: Connection, table: str, queries: Floats, asking: Ints, classes: Ints, k: int, beta: float | None = None
) -> Nearest:
    """The `k` nearest samples of the classes [p] to the queries numbered `asking` [p] of [q, d].

    `beta`: also the density of each class. Raises psycopg's errors.
    """
    from pgvector import HalfVector

    values = {
        "queries": [HalfVector(query) for query in queries],
        "asking": (asking + 1).tolist(),
        "classes": classes.tolist(),
        "k": k,
        "beta": beta,
    }
    row = connection.execute(_statement(table, beta is not None), values, binary=True).fetchone()
    return _unpacked((row and row[0]) or b"", len(asking), k, beta is not None)


def parts(kept: Ints, counts: Ints, dim: int) -> list[slice]:
    """Slices of the queries whose classes `kept` [q, t] are asked for in one statement each."""
    sizes = counts[kept].sum(axis=1) * dim
    found, begun, size = [], 0, 0
    for number, one in enumerate(sizes.tolist()):
        if number > begun and size + one > _MAX_VALUES:
            found.append(slice(begun, number))
            begun, size = number, 0
        size += one
    return [*found, slice(begun, len(kept))]


@cache
def _statement(table: str, dense: bool) -> Any:
    from psycopg import sql

    plain = "SELECT n, vec <#> q.vec AS distance, 0::float8 AS density FROM {table} WHERE class = p.class"
    # Computed once a sample, for both.
    inner = (
        "SELECT n, distance, ln(avg(exp(%(beta)b::float8 * (least(-distance, 1) - 1))) OVER ()) / %(beta)b::float8"
        " AS density FROM (SELECT n, vec <#> q.vec AS distance FROM {table} WHERE class = p.class OFFSET 0) AS every"
    )
    text = f"""
        SELECT string_agg(
            int4send(p.pair::int) || int4send(s.n) || float4send((-s.distance)::real) || float4send(s.density::real),
            ''::bytea
        )
        FROM unnest(%(queries)b::halfvec[]) WITH ORDINALITY AS q (vec, query)
        JOIN unnest(%(asking)b::int[], %(classes)b::int[]) WITH ORDINALITY AS p (query, class, pair)
            ON q.query = p.query
        CROSS JOIN LATERAL ({inner if dense else plain} ORDER BY distance, n LIMIT %(k)b::int) AS s
    """
    return sql.SQL(text).format(table=sql.Identifier(table))


def _unpacked(data: bytes, pairs: int, k: int, dense: bool) -> Nearest:
    found = np.frombuffer(data, _PACKED)
    pair, row = found["pair"].astype(np.int64) - 1, found["row"].astype(np.int64)
    cosine = np.minimum(found["cosine"].astype(np.float32), 1)
    order = np.lexsort((row, -cosine, pair))
    pair = pair[order]
    place = np.arange(len(pair)) - np.searchsorted(pair, pair)
    rows, cosines = np.full((pairs, k), -1, np.int64), np.full((pairs, k), -np.inf, np.float32)
    rows[pair, place], cosines[pair, place] = row[order], cosine[order]
    if not dense:
        return Nearest(rows, cosines, None)
    density = np.empty(pairs, np.float32)
    density[pair] = found["density"][order]
    return Nearest(rows, cosines, density)
