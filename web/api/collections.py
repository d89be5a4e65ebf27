"""Collections: folders with rules, of which every run classifies only what is new or changed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g

from shared.collections.collection import Collection
from shared.collections.export import MEDIA_TYPES, require, stream
from shared.collections.results import CollectionResults, as_json
from shared.collections.runs import Run
from shared.collections.shown import TELLING_RUNS, expected_seconds, overview, shown_collection, shown_run
from shared.collections.store import Collections
from shared.core.errors import InvalidRequest
from web.access.visitor import owner
from web.api.exports import download_name
from web.collection_schemas import (
    CollectionChange,
    CollectionExportQuery,
    CollectionList,
    CollectionOut,
    FileList,
    FilesQuery,
    NewCollection,
    RunList,
    RunOut,
    RunsQuery,
    RunWish,
)
from web.context import services
from web.i18n import language
from web.schemas import file_response

bp = APIBlueprint("collections", __name__, tag="Collections")


@bp.get("/collections")
@bp.output(CollectionList)
def index() -> dict[str, Any]:
    """All collections, by name."""
    found = store()
    return {"collections": [shown(one) for one in found.list()]}


@bp.post("/collections")
@bp.input(NewCollection, location="json", arg_name="wish")
@bp.output(CollectionOut, status_code=201)
def create(wish: NewCollection) -> dict[str, Any]:
    """Make a collection. Nothing is read until its first run."""
    return shown(made(wish))


@bp.get("/collections/<collection>")
@bp.output(CollectionOut)
def one(collection: str) -> dict[str, Any]:
    """A collection, by id or name, with its last run."""
    return shown(store().find(collection))


@bp.patch("/collections/<collection>")
@bp.input(CollectionChange, location="json", arg_name="change")
@bp.output(CollectionOut)
def change(collection: str, change: CollectionChange) -> dict[str, Any]:
    """Change a collection; a run that is under way is not affected."""
    return shown(changed(collection, change))


@bp.delete("/collections/<collection>")
@bp.output({}, status_code=204)
def delete(collection: str) -> tuple[str, int]:
    """Delete a collection: what is known of its files. Its jobs and the photos stay."""
    g.acted_on = store().delete(collection)
    return "", 204


@bp.get("/collections/<collection>/runs")
@bp.input(RunsQuery, location="query", arg_name="query")
@bp.output(RunList)
def runs(collection: str, query: RunsQuery) -> dict[str, Any]:
    """The runs of a collection, newest first."""
    found = overview(store(), store().find(collection), query.limit)
    return {"runs": [shown_run(run, lang=language()) for run in found.runs]}


@bp.post("/collections/<collection>/runs")
@bp.input(RunWish, location="json", arg_name="wish")
@bp.output(RunOut, status_code=202)
def run(collection: str, wish: RunWish) -> dict[str, Any]:
    """Start a run. 409 `collection_running` while one is under way; its `job` is known once it has looked."""
    return shown_run(asked(collection, wish), lang=language())


@bp.get("/collections/<collection>/runs/<run_id>")
@bp.output(RunOut)
def one_run(collection: str, run_id: str) -> dict[str, Any]:
    """A run: how far it is, and what it found."""
    own = store().find(collection)
    with store().index(own.id) as index:
        found = index.runs.find(run_id)
    return with_seconds(own, found)


@bp.get("/collections/<collection>/files")
@bp.input(FilesQuery, location="query", arg_name="query")
@bp.output(FileList)
def files(collection: str, query: FilesQuery) -> dict[str, Any]:
    """The files of a collection, by path, each with its latest result and review."""
    at, own = services(), store().find(collection)
    with store().index(own.id) as index:
        results = CollectionResults(at.settings, at.ledger, own, index)
        page = results.page(_decoded(query.cursor), query.limit, query.state == "gone", language())
        rows = [as_json(results, file) for file in page]
    full = len({file.path for file in page}) == query.limit
    following = base64.urlsafe_b64encode(page[-1].path).decode() if full else None
    return {"files": rows, "next": following}


@bp.get("/collections/<collection>/export")
@bp.input(CollectionExportQuery, location="query", arg_name="query")
@bp.doc(responses=file_response("The file", *MEDIA_TYPES.values()))
def export(collection: str, query: CollectionExportQuery) -> Response:
    """The latest result and review of every file that is there, as one streamed file."""
    return export_response(collection, query.format, query.headings == "words")


def export_response(collection: str, format: str, worded: bool) -> Response:
    """The file, as a download. Raises InvalidRequest, NotFound, Conflict before a byte is sent."""
    require(format)
    at, collections, own, lang = services(), store(), store().find(collection), language()
    ledger = at.ledger

    def rows() -> Iterator[bytes]:
        with collections.index(own.id) as index:
            yield from stream(CollectionResults(at.settings, ledger, own, index), format, lang, worded)

    response = Response(rows(), content_type=MEDIA_TYPES[format])
    download_name(response, f"{own.name}.{format}", f"{own.name}.{format}")
    return response


def store() -> Collections:
    """The collections of this installation."""
    return Collections(services().settings)


def made(wish: NewCollection) -> Collection:
    """Raises as `Collections.new`."""
    found = store().new(wish.wish, owner())
    g.acted_on = found.id
    return found


def changed(collection: str, change: CollectionChange) -> Collection:
    """Raises as `Collections.change`."""
    found = store().change(collection, change.wish)
    g.acted_on = found.id
    return found


def asked(collection: str, wish: RunWish) -> Run:
    """Asks for a run. Raises NotFound, Conflict (`collection_running`)."""
    own = store().find(collection)
    g.acted_on = own.id
    try:
        since = wish.since.timestamp() if wish.since else None
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidRequest(reason="since") from error
    with store().index(own.id) as index:
        return index.runs.ask(who=owner(), everything=wish.all, since=since, dry=wish.dry_run)


def shown(own: Collection) -> dict[str, Any]:
    """A collection as JSON, in the language of the request."""
    return shown_collection(overview(store(), own), language())


def with_seconds(own: Collection, run: Run) -> dict[str, Any]:
    """A run as JSON, with how long it may take where it was only to look."""
    seconds = None
    if run.dry and run.counts.get("chosen"):
        earlier = overview(store(), own, TELLING_RUNS).runs
        seconds = expected_seconds(services().ledger, earlier, run.counts["chosen"])
    return shown_run(run, seconds, language())


def _decoded(cursor: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(cursor)
    except (ValueError, binascii.Error) as error:
        raise InvalidRequest(reason="cursor") from error
