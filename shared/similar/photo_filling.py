"""Brings the tables of all jobs' photos up to date from results files: adds what is missing, changes what people said
since, removes what is gone.

Each step compares some photos of a job with its rows and ends with a commit. Whatever stops it, the next one compares
again: nothing is added twice, and nothing is left out.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from shared.bank.server.connection import BankServer, Guard
from shared.bank.server.publication import require_versions
from shared.core.settings import Settings
from shared.jobs.projection import open_projection
from shared.jobs.result_filters import DEFINITE
from shared.jobs.reviews import ReviewState
from shared.similar.client import Source
from shared.similar.photo_graph import make_graphs
from shared.similar.photo_rows import JobRow, Said, add, new_job, remove, said_row, say, take_out
from shared.similar.photo_tables import PGVECTOR, SCHEMA, Model, alone, counts, make, make_model, model_of

if TYPE_CHECKING:
    from shared.bank.server.connection import Connection

_log = structlog.get_logger(__name__)

#: Photos that are compared with their rows at a time, and that one commit adds: in a graph each takes milliseconds.
_WINDOW, _ADDED = 20_000, 1_000
#: Seconds for one step.
_STEP_SECONDS = 120.0
#: Seconds of a turn of a rebuild, between which others may look, and that it waits for them.
_TURN_SECONDS, _PATIENCE = 60.0, 30.0
_SAID = f"""
    SELECT idx, items.name, sha256, {DEFINITE}, items.verdict, coalesce(reviews.state, '{ReviewState.TODO}')
    FROM vectors JOIN items USING (idx) LEFT JOIN reviews USING (idx) WHERE idx > ? ORDER BY idx LIMIT {_WINDOW}
"""
_ROWS = "SELECT item, name, sha256, label, verdict, review FROM {results} WHERE job = %s AND item > %s AND item <= %s"
_LAST = 2**31 - 1


def fill(
    server: BankServer,
    settings: Settings,
    sources: Sequence[Source],
    seconds: float,
    done: Callable[[str], None] = lambda job: None,
    patience: float = 0,
) -> int:
    """Brings the tables closer to these jobs, which are all that there are, for about so many seconds. Returns the
    number of steps that changed something: 0, nothing is left, or somebody else is at it.

    `done`: called with each job that is complete now. `patience`: seconds to wait for others. Raises as `alone`.
    """
    until = time.monotonic() + seconds

    def work(connection: Connection, guard: Guard) -> int:
        steps = 0
        for step in _steps(connection, guard, settings, sources, done):
            steps += step
            if time.monotonic() > until:
                break
        return steps

    return alone(server, work, patience) or 0


def rebuild(
    server: BankServer, settings: Settings, sources: Sequence[Source], done: Callable[[str], None], again: bool
) -> tuple[int, int]:
    """Adds the photos of all these jobs, and returns the numbers of jobs and photos that were added.

    `again`: all tables are removed first. Where it is stopped, the dispatcher resumes. Raises as `alone`.
    """
    if again:
        clear(server)
    jobs, photos = counts(server)
    while fill(server, settings, sources, _TURN_SECONDS, done, _PATIENCE):
        pass
    make_graphs(server)
    jobs_now, photos_now = counts(server)
    return jobs_now - jobs, photos_now - photos


def clear(server: BankServer) -> None:

    def work(connection: Connection, guard: Guard) -> None:
        guard.alive(_STEP_SECONDS)
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")

    alone(server, work, _PATIENCE)


def _steps(
    connection: Connection, guard: Guard, settings: Settings, sources: Sequence[Source], done: Callable[[str], None]
) -> Iterator[int]:
    """The number of changes of each step (0 or 1)."""
    from pgvector.psycopg import register_vector

    guard.alive(_STEP_SECONDS)
    require_versions(connection, PGVECTOR)
    register_vector(connection)
    make(connection)
    rows = connection.execute("SELECT id, job, model, state FROM weft_similar.jobs").fetchall()
    known = {name: JobRow(*row) for name, *row in rows}
    states = {source.id: _state(settings.jobs_dir / f"{source.id}.sqlite") for source in sources}
    for name in known.keys() - {name for name, state in states.items() if state}:
        guard.alive(_STEP_SECONDS)
        remove(connection, known[name])
        yield 1
    for source in sources:
        state, there = states[source.id], known.get(source.id)
        if not source.ended or not state or (there and there.state == state):
            continue
        try:
            yield from _follow(connection, guard, settings, source, there)
        except sqlite3.Error as error:
            _log.warning("similar_job_unreadable", job=source.id, error=str(error))
            continue
        connection.execute("UPDATE weft_similar.jobs SET state = %s WHERE id = %s", [state, source.id])
        done(source.id)
        yield 0


def _follow(
    connection: Connection, guard: Guard, settings: Settings, source: Source, there: JobRow | None
) -> Iterator[int]:
    """Makes the rows of a job what its results file says. Raises sqlite3.Error, psycopg's errors."""
    path = settings.jobs_dir / f"{source.id}.sqlite"
    # Files of earlier versions get their tables.
    with closing(open_projection(settings, source.id)):
        pass
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=20)) as db:
        db.create_function("class_of", 1, lambda label: label, deterministic=True)
        first = db.execute("SELECT length(vector) / 2 FROM vectors ORDER BY idx LIMIT 1").fetchone()
        if first is None:
            return
        model = _model(connection, source.identity, first[0])
        if model.dim != first[0]:
            return
        number = there.number if there else new_job(connection, source.id, model)
        after = -1
        while after < _LAST:
            guard.alive(_STEP_SECONDS)
            said = {item: said_row(*row) for item, *row in db.execute(_SAID, [after])}
            last = max(said) if len(said) == _WINDOW else _LAST
            held = connection.execute(model.named(_ROWS), [number, after, last]).fetchall()
            rows = {item: Said(*row) for item, *row in held}
            after = last
            gone = [item for item in rows if item not in said or said[item].sha256 != rows[item].sha256]
            if gone:
                take_out(connection, model, number, gone)
                yield 1
            changed = [item for item in said.keys() & rows.keys() - set(gone) if said[item] != rows[item]]
            if changed:
                say(connection, model, number, {item: said[item] for item in changed})
                yield 1
            missing = sorted(said.keys() - (rows.keys() - set(gone)))
            for start in range(0, len(missing), _ADDED):
                guard.alive(_STEP_SECONDS)
                part = {item: said[item] for item in missing[start : start + _ADDED]}
                add(connection, model, number, source.created, part, db)
                yield 1


def _model(connection: Connection, identity: str, dim: int) -> Model:
    with connection.transaction():
        return model_of(connection, identity) or make_model(connection, identity, dim)


def _state(path: Path) -> str:
    """Tells one state of a results file from the next; empty where there is none."""
    found = []
    for file in (path, path.with_name(f"{path.name}-wal")):
        with suppress(FileNotFoundError):
            stat = file.stat()
            # An empty one is made by whoever looks.
            if stat.st_size:
                found.append(f"{stat.st_mtime_ns} {stat.st_size}")
    return " ".join(found)
