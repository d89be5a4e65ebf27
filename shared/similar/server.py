"""Answers what looks alike: `python -m shared.similar.server`, started by `shared.similar.client`.

Requests and answers are lines of JSON, as `shared.core.kept_child` sends them; an answer with `code` is a WeftError.
Ends with its standard input, or after a while without work.
"""

from __future__ import annotations

import json
import select
import sqlite3
import sys
import time
from contextlib import closing, suppress
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from shared.bank.store import BankStore
from shared.core import logs
from shared.core.errors import NotFound, Unavailable, WeftError
from shared.core.settings import Settings
from shared.jobs.result_filters import defects, held
from shared.photos.perceptual_hash import part_hashes
from shared.ranking.fitting.groups import duplicate_threshold
from shared.similar.archive import Archive
from shared.similar.archives import archive_of, fill
from shared.similar.client import MOST_COMPARED, Source, Wanted
from shared.similar.copies import Looks, copies
from shared.similar.groups import closeness_of_one_class, dense_groups, likeness_across
from shared.similar.photo_filling import fill as filled
from shared.similar.photo_graph import Graphs
from shared.similar.photo_tables import Nearest, away, photo_server, search
from shared.similar.vectors import Floats, KeptVectors, Vectors
from shared.storage import open_storage

_IDLE_SECONDS = 300.0
#: Seconds of a search in which it adds jobs to the archive.
_FILL_SECONDS = 5.0
#: Share of a bank's samples whose nearest one of another class is at most as alike as what `across` answers.
_OFTEN = 0.5


class _Grouped(NamedTuple):
    """A photo as the projection has it."""

    label: str | None
    sha256: str | None
    fingerprint: str | None
    #: 1 where it has a severe defect.
    poor: int


class _Served(NamedTuple):
    """What the bank server said."""

    nearest: Nearest
    #: `away` of the answer, where it could not be asked.
    away: dict[str, Any]


class Server:
    def __init__(self, settings: Settings) -> None:
        self._banks = BankStore(settings)
        self._vectors = KeptVectors(settings.jobs_dir)
        self._folder = settings.jobs_dir
        self._storage = open_storage(settings)
        self._settings = settings
        self._archives: dict[str, Archive] = {}
        #: Bank version → what `_across` found.
        self._likeness: dict[str, float | None] = {}
        self._bank_server = photo_server(settings)
        self._graphs = Graphs(self._bank_server) if self._bank_server else None

    def close(self) -> None:
        if self._bank_server is not None:
            self._bank_server.close()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Raises WeftError, sqlite3.Error."""
        if request["do"] == "fill":
            return {"added": self._fill(self._archive(request["identity"]), request["jobs"])}
        if request["do"] == "serve":
            return {"done": self._serve(request)}
        if request["do"] == "across":
            return {"likeness": self._across(request["bank"])}
        return self._like(request) if request["do"] == "like" else self._groups(request)

    def _across(self, version: str) -> float | None:
        """Versions never change."""
        if version not in self._likeness:
            self._likeness[version] = likeness_across(self._banks.load(version), _OFTEN)
        return self._likeness[version]

    def _like(self, request: dict[str, Any]) -> dict[str, Any]:
        of, limit = request["of"], request["limit"]
        query = self._query(of)
        served = self._served(request, query)
        best, compared = served.nearest.found, served.nearest.compared
        left_out = 0
        ended = set(request["ended"])
        later: list[str] = []
        for job in request["jobs"]:
            if job in served.nearest.known and job in ended:
                continue
            if compared - served.nearest.compared >= MOST_COMPARED:
                later.append(job)
                continue
            try:
                vectors = self._vectors.of_job(job)
            except (NotFound, sqlite3.Error):
                left_out += 1
                continue
            if len(vectors.rows) and vectors.rows.shape[1] == len(query):
                compared += len(vectors.rows)
                best += _best(job, vectors, query, limit, of["item"] if job == of.get("job") else None)
                # Of equals, those of the job that was named first.
                best = sorted(best, key=lambda match: -match[0])[:limit]
        if later:
            archive = self._archive(request["identity"])
            self._fill(archive, [job for job in later if job in ended])
            there = set(later) & archive.known().keys()
            nearest, more = archive.search(query, there, limit)
            best = sorted(best + nearest, key=lambda match: -match[0])[:limit]
            compared, left_out = compared + more, left_out + len(later) - len(there)
        found = [[job, item, round(min(cosine, 1.0), 4)] for cosine, job, item in _once(best, of)]
        return {"found": found, "compared": compared, "jobs_left_out": left_out, **served.away}

    def _served(self, request: dict[str, Any], query: Floats) -> _Served:
        """What the bank server finds, where there is one and it is asked."""
        if self._bank_server is None or "wanted" not in request:
            return _Served(Nearest(), {})
        wanted = Wanted(**request["wanted"])
        try:
            found = search(self._bank_server, request["identity"], query, wanted, request["enough"])
        except WeftError as error:
            code, detail = away(error)
            return _Served(Nearest(), {"away": {"code": code, "detail": detail}})
        return _Served(found, {})

    def _serve(self, request: dict[str, Any]) -> bool:
        """Whether something was added to the bank server, or taken from it. Raises Unavailable, Conflict."""
        if self._bank_server is None or self._graphs is None or self._graphs.under_way:
            return False
        sources = [Source(*source) for source in request["sources"]]
        if filled(self._bank_server, self._settings, sources, _FILL_SECONDS):
            return True
        self._graphs.begin()
        return False

    def _archive(self, identity: str) -> Archive:
        if identity not in self._archives:
            self._archives[identity] = archive_of(self._settings, identity)
        return self._archives[identity]

    def _fill(self, archive: Archive, jobs: list[str]) -> int:
        """Adds ended jobs that are not in it, the newest first, for a few seconds, and returns how many; the rest waits
        for the next time."""
        added = 0
        until = time.monotonic() + _FILL_SECONDS
        known = archive.known()
        for job in jobs:
            if job in known:
                continue
            if time.monotonic() > until:
                break
            with suppress(NotFound, sqlite3.Error, OSError):
                fill(self._settings, archive, job)
                added += 1
        return added

    def _query(self, of: dict[str, Any]) -> Floats:
        if "job" in of:
            return self._vectors.one(of["job"], of["item"])
        bank = self._banks.load(of["bank"])
        (rows,) = np.nonzero(np.asarray(bank.ids) == of["sample"].encode())
        if not len(rows):
            raise NotFound(what=f"sample {of['sample']}")
        query: Floats = bank.vectors[rows[0]].astype(np.float32)
        return query

    def _groups(self, request: dict[str, Any]) -> dict[str, Any]:
        unknown = request["of"] == "unknown"
        chosen = self._chosen(request["job"], unknown)
        vectors = self._vectors.of_job(request["job"]).chosen(np.array(list(chosen), np.int64))
        if unknown:
            threshold = closeness_of_one_class(self._banks.load(request["bank"]))
            groups = dense_groups(vectors, threshold)
        else:
            told = [chosen[item] for item in vectors.items.tolist()]
            _, owner = np.unique([photo.label or "" for photo in told], return_inverse=True)
            threshold = duplicate_threshold(vectors.rows, owner)
            prints = [bytes.fromhex(photo.fingerprint or "00" * 8) for photo in told]
            looks = Looks(
                sha256=[photo.sha256 or "" for photo in told],
                fingerprints=np.frombuffer(b"".join(prints), np.uint64),
                known=np.array([photo.fingerprint is not None for photo in told], bool),
                parts=self._parts,
                poor=np.array([photo.poor for photo in told], bool),
            )
            groups = copies(vectors, threshold, looks)
        shown = [{"items": group.items, "likeness": round(group.likeness, 4)} for group in groups]
        return {"groups": shown, "threshold": round(threshold, 4), "photos": len(vectors.items)}

    def _parts(self, sha256: str) -> npt.NDArray[np.uint64] | None:
        """Of a photo's thumbnail, which Weft made itself."""
        with suppress(Exception):
            if sha256 and (jpeg := self._storage.thumb(sha256)):
                return part_hashes(jpeg)
        return None

    def _chosen(self, job_id: str, unknown: bool) -> dict[int, _Grouped]:
        """What is grouped, by position."""
        condition = "verdict = 'not_in_bank' AND reviews.state IS NULL" if unknown else "status = 'ok'"
        severe = f"EXISTS (SELECT 1 FROM {defects()} WHERE json_extract(defect.value, '$[1]'))"
        shown = f"items.label, sha256, {held('fingerprint')}, {severe}"
        sql = f"SELECT idx, {shown} FROM items LEFT JOIN reviews USING (idx) WHERE {condition} ORDER BY idx"
        path = self._folder / f"{job_id}.sqlite"
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=20)) as db:
            return {item: _Grouped(*told) for item, *told in db.execute(sql)}


def _once(best: list[tuple[float, str, int]], of: dict[str, Any]) -> list[tuple[float, str, int]]:
    """In order, each photo once, and before all others the one that was asked for."""
    asked = of.get("job"), of.get("item")
    found: dict[tuple[str, int], tuple[float, str, int]] = {}
    for cosine, job, item in best:
        found.setdefault((job, item), (np.inf if (job, item) == asked else cosine, job, item))
    return sorted(found.values(), key=lambda match: -match[0])


def _best(job: str, vectors: Vectors, query: Floats, limit: int, itself: int | None) -> list[tuple[float, str, int]]:
    """(cosine, job, item), in no order; infinite for the photo `itself`, above which rounding may bring a copy."""
    cosines = vectors.cosines(query)
    if itself is not None:
        cosines[vectors.row(itself)] = np.inf
    count = min(limit, len(cosines))
    nearest = np.argpartition(-cosines, count - 1)[:count]
    return [(float(cosines[row]), job, int(vectors.items[row])) for row in nearest]


def serve(server: Server, requests: BinaryIO, answers: BinaryIO) -> None:
    while select.select([requests], [], [], _IDLE_SECONDS)[0] and (line := requests.readline()):
        try:
            answer = server.answer(json.loads(line))
        except WeftError as error:
            answer = {"code": error.code, "status": error.status, "detail": error.detail}
        except sqlite3.Error as error:
            answer = {"code": "projection_damaged", "status": Unavailable.status, "detail": {"reason": str(error)}}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    # Unbuffered: `select` has to see what is still unread.
    with open(0, "rb", buffering=0, closefd=False) as incoming:
        settings = Settings()
        # To standard error: the answers are standard output.
        logs.configure(settings, "similar")
        serve(Server(settings), incoming, sys.stdout.buffer)
