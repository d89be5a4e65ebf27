"""The list of jobs: search, and what is done with several at once."""

from __future__ import annotations

import math
from typing import Any

from flask import g, redirect, render_template, request, url_for
from werkzeug import Response

from shared.core.errors import InvalidRequest, WeftError
from shared.core.i18n import gettext as _
from shared.jobs import archive
from shared.jobs.job_search import JobFilter
from shared.jobs.model import Priority
from web.access.visitor import owner, record, require_steering
from web.bank_choice import all_banks
from web.conditional import unchanged
from web.context import services
from web.i18n import say
from web.pages import bp

LISTED = 50
#: Longest text that is searched for.
SEARCHED = 200
#: What the list shows → whether its jobs are archived (None: both).
WHICH: dict[str, bool | None] = {"current": False, "archived": True, "all": None}
#: What can be done with several jobs → what the audit log calls it.
ACTS = {
    "delete": "job_deleted",
    "archive": "job_archived",
    "first": "job_changed",
    **{priority.value: "job_changed" for priority in Priority},
}


@bp.get("/jobs")
def jobs() -> str | Response:
    before = request.args.get("before", type=_finite)
    mine = owner() is not None and "mine" in request.args
    text = request.args.get("q", "")[:SEARCHED].strip()
    which = request.args.get("which", "")
    which = which if which in WHICH else "current"
    bank = next((info.id for info in all_banks() if info.id == request.args.get("bank")), None)
    found = services().ledger.listed(LISTED, before, JobFilter(owner() if mine else None, text, WHICH[which], bank))
    polled = "HX-Request" in request.headers
    # A whole page carries a nonce that goes with its own headers, so it is always made.
    if polled and (same := unchanged(found, [job.late for job in found])):
        return same
    chosen: dict[str, Any] = {"q": text or None, "which": None if which == "current" else which}
    chosen |= {"mine": 1 if mine else None, "bank": bank}
    return render_template(
        "parts/job_rows.html" if polled else "jobs.html",
        jobs=found,
        moving=any(not job.ended for job in found),
        following=found[-1].created if len(found) == LISTED else None,
        before=before,
        mine=mine,
        text=text,
        which=which,
        bank=bank,
        chosen=chosen,
        told=_told(),
    )


@bp.post("/jobs/acts")
def act_on_jobs() -> Response:
    """Deletes, archives, raises or lowers the chosen jobs; where one cannot be, the others are all the same."""
    act = request.form.get("act", "")
    if act not in ACTS:
        raise InvalidRequest(reason=f"act={act[:40]}")
    at, done, refusal = services(), 0, ""
    chosen = list(dict.fromkeys(request.form.getlist("job")))
    # Of several that are to run next, the one that stands on top of the list is moved last: it is the first.
    for job_id in reversed(chosen) if act == "first" else chosen:
        try:
            require_steering(at.ledger.find(job_id))
            if act == "delete":
                archive.delete(at.settings, at.ledger, job_id)
            elif act == "archive":
                archive.put_away(at.settings, at.ledger, job_id)
            elif act == "first":
                at.ledger.precede(job_id)
            else:
                at.ledger.prioritise(job_id, Priority(act))
        except WeftError as error:
            if error.status == 503:
                raise
            refusal = refusal or error.code
        else:
            done += 1
            record(ACTS[act], job_id)
    # Recorded one by one.
    g.unchanged = True
    back: dict[str, Any] = {name: request.form.get(name) or None for name in ("q", "which", "mine", "bank")}
    outcome: dict[str, Any] = {"done": done, "act": act, "refused": len(chosen) - done or None, "why": refusal or None}
    return redirect(url_for("pages.jobs", **back, **outcome), 303)


def _told() -> dict[str, Any] | None:
    """What the last act did, from the address that it led to."""
    act = request.args.get("act", "")
    if act not in ACTS:
        return None
    why = request.args.get("why", "")
    known = say(why) if why in ("job_not_ended", "job_archived", "not_found", "results_in_use") else ""
    if why == "conflict" and act in (*Priority, "first"):
        known = _("An ended job has no priority any more.")
    return {
        "act": act,
        "done": request.args.get("done", 0, int),
        "refused": request.args.get("refused", 0, int),
        "why": "" if "{" in known else known,
    }


def _finite(value: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number
