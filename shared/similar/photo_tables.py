"""The photos of all jobs on the bank server: a schema of its own, whose tables say which photos are meant, in SQL.

Every model has two tables: `photos_N` holds the embeddings and never changes, `results_N` what is said of each photo.
A review so touches no graph of neighbours. Vectors of two models are in two tables, and never compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.bank.server.connection import BankServer, Guard, driver, explained
from shared.core.errors import Conflict, WeftError
from shared.core.settings import Settings
from shared.similar.client import Wanted
from shared.similar.vectors import Floats

if TYPE_CHECKING:
    from psycopg.sql import Composed

    from shared.bank.server.connection import Connection

SCHEMA = "weft_similar"
#: The oldest pgvector that goes on searching where a filter left too few (`hnsw.iterative_scan`).
PGVECTOR = (0, 8)
#: Photos up to which all that are meant are compared: beyond, the graph is searched. A table has one from here on.
EXACT = 20_000
#: Photos that are looked at in the graph at least, at most at once (pgvector's limit), and at most where filters leave
#: few of them.
_LEAST, _MOST, _SCANNED = 100, 1_000, 60_000
#: A longer row than this is kept beside its table, and read in two steps.
_INLINE = 8_000

#: A patience of half of it, and 3 seconds for one answer (`BankServer`).
_LEASE = 12.0
#: Seconds after a failure in which pages are made of the files at once, without waiting for the server again.
_REST = 15.0
_AWAY = {"index_unavailable": "similar_unavailable", "index_denied": "similar_denied"}
#: Seconds between two looks whether another process is still at the tables.
_PAUSE = 0.5
_LOCK = "SELECT pg_try_advisory_lock(hashtext('weft_similar'))"
_MADE = """
CREATE SCHEMA IF NOT EXISTS weft_similar;
CREATE TABLE IF NOT EXISTS weft_similar.models (
    model int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, identity text NOT NULL UNIQUE, dim int NOT NULL);
CREATE TABLE IF NOT EXISTS weft_similar.jobs (
    job int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, id text NOT NULL UNIQUE,
    model int NOT NULL REFERENCES weft_similar.models, photos int NOT NULL DEFAULT 0, state text NOT NULL DEFAULT '');
"""
_MODEL_MADE = """
CREATE TABLE {photos} (job int NOT NULL, item int NOT NULL, vec halfvec({dim}) NOT NULL, PRIMARY KEY (job, item));
CREATE TABLE {results} (
    job int NOT NULL, item int NOT NULL, made timestamptz NOT NULL, name text NOT NULL, sha256 text, label text,
    verdict text, review text NOT NULL, PRIMARY KEY (job, item));
CREATE INDEX ON {results} (label);
CREATE INDEX ON {results} (verdict);
CREATE INDEX ON {results} (review);
CREATE INDEX ON {results} (made);
"""
_INDEXED = """
    SELECT true FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam
    WHERE indrelid = to_regclass(%s) AND amname = 'hnsw' AND indisvalid
"""


@dataclass(frozen=True, slots=True)
class Nearest:
    #: (cosine, job, position), the most similar first.
    found: list[tuple[float, str, int]] = field(default_factory=list)
    #: Jobs that are complete on the server.
    known: set[str] = field(default_factory=set)
    #: Photos among which was searched.
    compared: int = 0


@dataclass(frozen=True, slots=True)
class Model:
    number: int
    dim: int

    @property
    def photos(self) -> str:
        return f"photos_{self.number}"

    @property
    def results(self) -> str:
        return f"results_{self.number}"

    def named(self, text: str, **more: Any) -> Composed:
        """The statement with this model's tables, and `more`."""
        from psycopg import sql

        tables = {name: sql.Identifier(SCHEMA, getattr(self, name)) for name in ("photos", "results")}
        return sql.SQL(text).format(**tables, **more)


def photo_server(settings: Settings) -> BankServer | None:
    """The server that the settings name, if any; somebody waits for the page, so it is given up sooner."""
    url = settings.index_url
    return BankServer(url.get_secret_value(), _LEASE, _REST) if url else None


def away(error: WeftError) -> tuple[str, dict[str, Any]]:
    """The code of the sentence that a page says of a server that was not searched, and its detail."""
    if error.code in _AWAY:
        return _AWAY[error.code], dict(error.detail)
    return "similar_unusable", {"cause": error.code}


def make(connection: Connection) -> None:
    """The schema, where it is not there. Raises psycopg's errors."""
    connection.execute(_MADE)


def model_of(connection: Connection, identity: str) -> Model | None:
    """The tables of a model; None where there are none. Raises psycopg's errors."""
    row = connection.execute("SELECT model, dim FROM weft_similar.models WHERE identity = %s", [identity]).fetchone()
    return Model(*row) if row else None


def make_model(connection: Connection, identity: str, dim: int) -> Model:
    """The tables of a model, which are made. Raises psycopg's errors."""
    row = connection.execute(
        "INSERT INTO weft_similar.models (identity, dim) VALUES (%s, %s) RETURNING model", [identity, dim]
    ).fetchone()
    assert row is not None
    model = Model(row[0], dim)
    connection.execute(model.named(_MODEL_MADE, dim=dim))
    if 2 * dim + 64 < _INLINE:
        connection.execute(model.named("ALTER TABLE {photos} ALTER COLUMN vec SET STORAGE PLAIN"))
    return model


def drop_model(connection: Connection, model: Model) -> None:
    """Raises psycopg's errors."""
    connection.execute(model.named("DROP TABLE IF EXISTS {photos}, {results}"))
    connection.execute("DELETE FROM weft_similar.models WHERE model = %s", [model.number])


def is_indexed(connection: Connection, model: Model) -> bool:
    """Whether the graph of neighbours is there. Raises psycopg's errors."""
    return connection.execute(_INDEXED, [f"{SCHEMA}.{model.photos}"]).fetchone() is not None


def alone(server: BankServer, work: Callable[[Connection, Guard], Any], patience: float = 0) -> Any:
    """What `work` returns, on the server that takes changes; None where another process is at the tables.

    `patience`: seconds to wait for that process, after which Conflict("similar_busy") is raised. Also raises as
    `shared.bank.server.publication.publish`.
    """
    psycopg = driver()

    def locked(connection: Connection, guard: Guard) -> Any:
        until = time.monotonic() + patience
        try:
            while (row := connection.execute(_LOCK).fetchone()) is None or not row[0]:
                guard.alive()
                if time.monotonic() >= until:
                    if patience:
                        raise Conflict("similar_busy")
                    return None
                time.sleep(_PAUSE)
            return work(connection, guard)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except psycopg.Error as error:
            raise explained(error) from error

    return server.once(locked, primary=True)


def counts(server: BankServer) -> tuple[int, int]:
    """Jobs that are complete on the server, and photos of all. Raises as `alone`."""

    def work(connection: Connection, _: Guard) -> tuple[int, int]:
        sql = "SELECT count(*) FILTER (WHERE state <> ''), coalesce(sum(photos), 0) FROM weft_similar.jobs"
        with suppress(driver().errors.UndefinedTable, driver().errors.InvalidSchemaName):
            row = connection.execute(sql).fetchone()
            return (int(row[0]), int(row[1])) if row else (0, 0)
        return 0, 0

    return server.once(work, primary=True)


def search(server: BankServer, identity: str, query: Floats, wanted: Wanted, limit: int) -> Nearest:
    """The photos of a model nearest to a query [d]; nothing, and no job known, where the server has none of this model
    or has not put them in order yet. Raises Unavailable, Conflict as `BankServer.ask`."""

    def work(connection: Connection) -> Nearest:
        with suppress(driver().errors.UndefinedTable, driver().errors.InvalidSchemaName), connection.transaction():
            model = model_of(connection, identity)
            if model is None or model.dim != len(query):
                return Nearest()
            jobs = connection.execute(
                "SELECT id, job, photos FROM weft_similar.jobs WHERE model = %s AND state <> ''", [model.number]
            ).fetchall()
            total = sum(photos for *_, photos in jobs)
            indexed = is_indexed(connection, model)
            if total > 2 * EXACT and not indexed:
                return Nearest()
            numbers = {number: name for name, number, _ in jobs}
            found, compared = _found(connection, model, query, wanted, limit, total, indexed)
            told = [(cosine, numbers[job], item) for cosine, job, item in found if job in numbers]
            return Nearest(told, set(numbers.values()), compared)
        return Nearest()

    return server.ask(work)


def _found(
    connection: Connection, model: Model, query: Floats, wanted: Wanted, limit: int, total: int, indexed: bool
) -> tuple[list[tuple[float, int, int]], int]:
    """(cosine, job, item) in order, and the number among which was searched."""
    from pgvector import HalfVector
    from psycopg import sql

    condition, values = _condition(wanted)
    values |= {"query": HalfVector(query), "limit": limit, "most": EXACT}
    clause = sql.SQL(condition)
    compared, all_of_them = total, not indexed
    if condition:
        row = connection.execute(
            model.named(
                "SELECT count(*) FROM (SELECT 1 FROM {results} AS r{clause} LIMIT %(most)s + 1) AS r", clause=clause
            ),
            values,
        ).fetchone()
        assert row is not None
        if row[0] <= EXACT:
            compared, all_of_them = row[0], True
    if not all_of_them:
        scanned = min(max(_LEAST, limit), _MOST)
        connection.execute(
            f"SET LOCAL enable_sort = off; SET LOCAL hnsw.ef_search = {scanned};"
            f" SET LOCAL hnsw.iterative_scan = relaxed_order; SET LOCAL hnsw.max_scan_tuples = {_SCANNED}"
        )
    statement = _COMPARED if all_of_them else _SCANNED_SQL
    joined = sql.SQL(" JOIN {} AS r USING (job, item)").format(sql.Identifier(SCHEMA, model.results))
    rows = connection.execute(
        model.named(statement, clause=clause, joined=joined if condition else sql.SQL("")), values, binary=True
    ).fetchall()
    return sorted(((float(cosine), job, item) for cosine, job, item in rows), reverse=True), compared


#: All that are meant; the innermost `OFFSET 0` keeps the graph out of it.
_COMPARED = """
    SELECT 1 - distance, job, item FROM (
        SELECT job, item, p.vec <=> %(query)b::halfvec AS distance FROM {photos} AS p{joined}{clause} OFFSET 0
    ) AS p ORDER BY distance LIMIT %(limit)s
"""
_SCANNED_SQL = """
    SELECT 1 - (p.vec <=> %(query)b::halfvec), job, item FROM {photos} AS p{joined}{clause}
    ORDER BY p.vec <=> %(query)b::halfvec LIMIT %(limit)s
"""


def _condition(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """` WHERE …` about a row `r` of the results, empty where all are meant, and its values."""
    parts: list[tuple[str, str, Any]] = [
        ("r.job = (SELECT job FROM weft_similar.jobs WHERE id = %(job)s)", "job", wanted.job),
        ("r.made >= to_timestamp(%(since)s)", "since", wanted.since),
        ("r.made <= to_timestamp(%(until)s)", "until", wanted.until),
        ("r.label = ANY(%(labels)s)", "labels", None if wanted.labels is None else list(wanted.labels)),
        ("r.verdict = %(verdict)s", "verdict", wanted.verdict),
        ("r.review = %(review)s", "review", wanted.review),
    ]
    meant = [(text, name, value) for text, name, value in parts if value is not None]
    clause = " WHERE " + " AND ".join(text for text, *_ in meant) if meant else ""
    return clause, {name: value for _, name, value in meant}
