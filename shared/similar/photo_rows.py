"""The rows of all jobs' photos: added, changed and removed, each in one commit."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from shared.similar.photo_tables import Model, drop_model

if TYPE_CHECKING:
    from shared.bank.server.connection import Connection


class Said(NamedTuple):
    """What a table holds of a photo."""

    name: str
    sha256: str | None
    label: str | None
    verdict: str | None
    review: str


class JobRow(NamedTuple):
    number: int
    model: int
    #: Of its results file, when it was complete here; empty: it is not yet.
    state: str


def new_job(connection: Connection, name: str, model: Model) -> int:
    """Its number."""
    row = connection.execute(
        "INSERT INTO weft_similar.jobs (id, model) VALUES (%s, %s) RETURNING job", [name, model.number]
    ).fetchone()
    assert row is not None
    return int(row[0])


def add(
    connection: Connection, model: Model, number: int, created: float, part: dict[int, Said], db: sqlite3.Connection
) -> None:
    """Both rows of each photo, and their number, in one commit."""
    from pgvector import HalfVector

    wanted = "[" + ",".join(map(str, part)) + "]"
    sql = "SELECT idx, vector FROM vectors WHERE idx IN (SELECT value FROM json_each(?))"
    # Another length is another model's.
    vectors = {item: data for item, data in db.execute(sql, [wanted]) if len(data) == 2 * model.dim}
    copies = "COPY {photos} (job, item, vec) FROM STDIN (FORMAT BINARY)"
    told = "COPY {results} (job, item, made, name, sha256, label, verdict, review) FROM STDIN"
    made = datetime.fromtimestamp(created, UTC)
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy(model.named(copies)) as copy:
            copy.set_types(["int4", "int4", "halfvec"])
            for item, data in vectors.items():
                copy.write_row((number, item, HalfVector(np.frombuffer(data, np.float16))))
        with cursor.copy(model.named(told)) as copy:
            for item in vectors:
                copy.write_row((number, item, made, *part[item]))
        cursor.execute("UPDATE weft_similar.jobs SET photos = photos + %s WHERE job = %s", [len(vectors), number])


def say(connection: Connection, model: Model, number: int, said: dict[int, Said]) -> None:
    statement = (
        "UPDATE {results} SET name = %s, sha256 = %s, label = %s, verdict = %s, review = %s"
        " WHERE job = %s AND item = %s"
    )
    with connection.transaction(), connection.cursor() as cursor:
        rows = [(*told, number, item) for item, told in said.items()]
        cursor.executemany(model.named(statement), rows)


def take_out(connection: Connection, model: Model, number: int, items: list[int]) -> None:
    with connection.transaction():
        for table in ("photos", "results"):
            statement = f"DELETE FROM {{{table}}} WHERE job = %s AND item = ANY(%s)"
            deleted = connection.execute(model.named(statement), [number, items]).rowcount
        connection.execute("UPDATE weft_similar.jobs SET photos = photos - %s WHERE job = %s", [deleted, number])


def remove(connection: Connection, job: JobRow) -> None:
    """A job that is gone; with the last one of its model, the model's tables."""
    with connection.transaction():
        connection.execute("DELETE FROM weft_similar.jobs WHERE job = %s", [job.number])
        model = Model(job.model, 0)
        if connection.execute("SELECT 1 FROM weft_similar.jobs WHERE model = %s LIMIT 1", [job.model]).fetchone():
            for table in ("photos", "results"):
                connection.execute(model.named(f"DELETE FROM {{{table}}} WHERE job = %s"), [job.number])
        else:
            drop_model(connection, model)


def said_row(name: str, sha256: str | None, label: str | None, verdict: str | None, review: str) -> Said:
    """As the table holds it: PostgreSQL takes no null characters and no halves of characters, which names of files may
    have."""
    return Said(_storable(name), sha256, None if label is None else _storable(label), verdict, review)


def _storable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()
