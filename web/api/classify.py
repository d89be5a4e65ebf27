"""One photo, answered while the caller waits."""

from __future__ import annotations

import time

from apiflask import APIBlueprint
from flask import Response, jsonify, make_response

from shared.jobs.result_rows import public
from shared.jobs.shown import ShownItem
from web.api.jobs import shown
from web.context import services
from web.i18n import language
from web.schemas import ItemOut, WaitQuery
from web.submissions import awaited, submit_photo

bp = APIBlueprint("classify", __name__, tag="Classify")


@bp.post("/classify")
@bp.input(WaitQuery, location="query", arg_name="query")
@bp.output(ItemOut, description="The item")
@bp.doc(responses={202: "The job: it took longer than `wait`"})
def classify(query: WaitQuery) -> ShownItem | Response:
    """Classify one photo."""
    until = time.monotonic() + query.wait
    job = submit_photo()
    if found := awaited(job.id, until):
        return public(found, language())
    return make_response(jsonify(shown(services().ledger.job(job.id))), 202)
