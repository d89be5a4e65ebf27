"""Bank work, for people: check the bank, clean it, set samples aside, preview a version; and the page that waits."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response

from shared.core.errors import InvalidRequest
from shared.curation import tasks
from shared.curation.saved_checks import saved_check
from web.bank_schemas import Asked
from web.bank_words import findings
from web.bank_work import begin, shown
from web.context import services
from web.pages import bp, class_names
from web.pages.bank_versions import picture

#: What is shown at the most: findings of a kind, pictures of a finding, pictures of a confusable class, weak classes.
SHOWN, PICTURES, EXAMPLES, WEAKEST = 30, 16, 3, 24
#: Samples of one reason that a plan shows; all are counted.
PLANNED = 48


@bp.get("/bank/check")
def bank_check() -> str:
    """The report of the bank in force, or the work that makes it, or the button that starts it."""
    at = services()
    version = at.manifest()["version"]
    report = saved_check(at.banks, version)
    if report:
        shown_report = _report(version, report)
        return render_template("bank_check.html", task=None, version=version, **shown_report)
    found = tasks.latest(at.settings, "check", version=version)
    return render_template("bank_check.html", task=found and shown(found), version=version, report=None)


@bp.post("/bank/tasks")
def bank_begin() -> Response:
    """A form's fields, as the API takes them as JSON."""
    fields: dict[str, Any] = {name: value for name, value in request.form.items() if name not in ("aside", "back")}
    fields |= {name: request.form.getlist(name) for name in ("aside", "back") if name in request.form}
    try:
        work = Asked.model_validate(fields).root
    except ValidationError as error:
        raise InvalidRequest(reason=error.errors()[0]["msg"]) from error
    task = begin(work)
    if task.kind == "check":
        return redirect(url_for("pages.bank_check"), 303)
    return redirect(url_for("pages.bank_task", task_id=task.id), 303)


@bp.get("/bank/tasks/<task_id>")
def bank_task(task_id: str) -> str | Response:
    """Polled while the work goes on; what is returned for ended work asks no more."""
    task = tasks.find(services().settings, task_id)
    polled = bool(request.headers.get("HX-Request"))
    if task.kind == "check" and task.state == "done":
        # The report belongs to the version, whoever asked for it.
        where = url_for("pages.bank_check")
        return Response(headers={"HX-Redirect": where}) if polled else redirect(where, 303)
    return render_template("parts/bank_task.html" if polled else "bank_task.html", **_task(task))


def _report(version: str, report: dict[str, Any]) -> dict[str, Any]:
    """A check's report with pictures: `samples` of every warning become rows that a page can show."""
    rows = {row["id"]: row for row in services().banks.samples(version)}
    classes = {entry["label"]: entry["samples"] for entry in services().banks.classes(version)}
    groups: dict[str, Any] = {}
    for code, warnings in findings(report["warnings"]).items():
        listed = []
        for warning in warnings[:SHOWN]:
            own = [rows[sample] for sample in warning["samples"] if sample in rows]
            if code == "confusable":
                own = [row for label in warning["classes"] for row in classes.get(label, ())[:EXAMPLES]]
            listed.append({**warning, "pictures": [picture(version, row) for row in own[:PICTURES]]})
        groups[code] = {"count": len(warnings), "listed": listed}
    judged = (report["leave_one_out"] or {}).get("per_class", {})
    weakest = sorted(((label, row) for label, row in judged.items() if row["queries"]), key=lambda kv: kv[1]["top1"])
    return {"report": report, "groups": groups, "weakest": weakest[:WEAKEST], "names": class_names(version)}


def _plan(plan: dict[str, Any]) -> dict[str, Any]:
    """A cleaning's plan with pictures, by reason."""
    version = plan["version"]
    rows = {row["id"]: row for row in services().banks.samples(version)}
    groups: dict[str, list[dict[str, Any]]] = {}
    for entry in plan["aside"]:
        listed = groups.setdefault(entry["reason"], [])
        if len(listed) < PLANNED:
            listed.append(picture(version, rows[entry["id"]]))
    return {"groups": groups}


def _task(task: tasks.Task) -> dict[str, Any]:
    names: dict[str, str] = {}
    for name in ("old", "new", "version"):
        version = (task.result or {}).get(name) or task.arguments.get(name)
        if version:
            names = class_names(version) | names
    found = {"task": shown(task), "result": task.result, "names": names}
    return found | (_plan(task.result) if task.kind == "clean" and task.result else {})
