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
from web.submissions import submit_photo

bp = APIBlueprint("classify", __name__, tag="Classify")

#: Seconds between looks at the ledger.
POLL = 0.02


@bp.post("/classify")
@bp.input(WaitQuery, location="query", arg_name="query")
@bp.output(ItemOut, description="The item")
@bp.doc(responses={202: "The job: it took longer than `wait`"})
def classify(query: WaitQuery) -> ShownItem | Response:
    """Classify one photo."""
    until = time.monotonic() + query.wait
    job = submit_photo()
    ledger = services().ledger
    while True:
        if found := ledger.results(job.id):
            return public(found[0], language())
        if time.monotonic() >= until:
            return make_response(jsonify(shown(ledger.job(job.id))), 202)
        time.sleep(POLL)
