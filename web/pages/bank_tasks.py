"""Bank work, for people: check the bank, clean it, set samples aside, preview a version; and the page that waits."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from flask import redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response

from shared.bank.manifest import Finding
from shared.core.errors import InvalidRequest, Unavailable, WeftError
from shared.curation import tasks
from shared.curation.reports import CheckReport, CleaningPlan, MadeVersion
from shared.curation.saved_checks import saved_check
from shared.curation.task_model import EditArguments, NewBankArguments, Task, TaskKind, TaskState
from shared.curation.version_preview import VersionPreview
from web.bank_choice import about
from web.bank_drift import DAYS, drift_of
from web.bank_labels import findings
from web.bank_schemas import DriftOut
from web.bank_work import begin, shown
from web.bank_work_schemas import Asked
from web.context import services
from web.pages import bp, class_names
from web.pages.bank_drafts import draft_shown, version_shown
from web.pages.bank_versions import Pictured, picture

#: Fields that come several times, and those that are taken away by leaving them empty.
LISTED, TAKEN_AWAY = ("aside", "back", "samples"), ("aliases", "notes", "parent")
#: Work after which the class is shown again, where there is nothing to tell.
AT_ONCE = (TaskKind.CLASS, TaskKind.MERGE, TaskKind.MOVE, TaskKind.REMOVE, TaskKind.PHOTOS)
#: What is shown at most: findings of a kind, pictures of a finding, pictures of a confusable class, weak classes.
SHOWN, PICTURES, EXAMPLES, WEAKEST = 30, 16, 3, 24
#: Samples of one reason that a plan shows; all are counted.
PLANNED = 48


@bp.get("/bank/check")
def bank_check() -> str:
    """The report of the bank that is shown, or the work that makes it, or the button that starts it."""
    at = services()
    version = version_shown()
    report = saved_check(at.banks, version)
    if report:
        return _report(version, report)
    found = tasks.latest(at.settings, TaskKind.CHECK, version)
    return render_template(
        "bank_check.html", task=found and shown(found), version=version, report=None, **draft_shown()
    )


@bp.post("/bank/tasks")
def bank_begin() -> Response:
    """A form's fields, as the API takes them as JSON."""
    fields: dict[str, str | list[str]] = {
        name: value
        for name, value in request.form.items()
        if name not in (*LISTED, "csrf") and (value or name in TAKEN_AWAY)
    }
    fields |= {name: request.form.getlist(name) for name in LISTED if name in request.form}
    if fields.get("kind") == "move":
        # The form of a class's samples has one selection for all acts.
        fields = {name: fields[name] for name in ("kind", "aside", "to", "zh", "en") if name in fields}
        fields["samples"] = fields.pop("aside", [])
        if not fields["samples"]:
            raise InvalidRequest("no_samples_selected")
    elif fields.get("kind") == "curate":
        fields = {name: value for name, value in fields.items() if name not in ("to", "zh", "en")}
    try:
        work = Asked.model_validate(fields).root
    except ValidationError as error:
        raise InvalidRequest(reason=error.errors()[0]["msg"]) from error
    task = begin(work)
    if task.kind is TaskKind.CHECK:
        return redirect(url_for("pages.bank_check"), 303)
    return redirect(url_for("pages.bank_task", task_id=task.id), 303)


@bp.get("/bank/tasks/<task_id>")
def bank_task(task_id: str) -> str | Response:
    """Polled while the work continues; what is returned for ended work asks no more."""
    task = tasks.find(services().settings, task_id)
    _about(task)
    polled = bool(request.headers.get("HX-Request"))
    if task.kind is TaskKind.CHECK and task.state is TaskState.DONE:
        # The report belongs to the version, whoever asked for it.
        where = url_for("pages.bank_check")
        return Response(headers={"HX-Redirect": where}) if polled else redirect(where, 303)
    if polled and task.kind in AT_ONCE and isinstance(task.result, MadeVersion) and not task.result.skipped:
        return Response(headers={"HX-Redirect": _class_page(task)})
    return _task("parts/bank_task.html" if polled else "bank_task.html", task)


def _about(task: Task) -> None:
    """The page is about the bank that the task works on; the default one where that is gone."""
    asked, banks = task.arguments, services().banks
    with suppress(WeftError):
        about(banks.of(asked.bank) if isinstance(asked, NewBankArguments) else banks.of_version(asked.version))


def _class_page(task: Task) -> str:
    """Where the class is that a change was about; the overview where it is gone."""
    label = task.arguments.label if isinstance(task.arguments, EditArguments) else None
    return url_for("pages.bank_class", label=label) if label else url_for("pages.bank")


@dataclass(frozen=True, slots=True)
class _Found:
    """A finding, and the pictures of its samples."""

    warning: Finding
    pictures: list[Pictured]


@dataclass(frozen=True, slots=True)
class _Group:
    """All findings of a kind, and those that are shown."""

    count: int
    listed: list[_Found]


def _report(version: str, report: CheckReport) -> str:
    """The page of a check's report."""
    classes = {found.entry.label: found.samples for found in services().banks.classes(version)}
    groups: dict[str, _Group] = {}
    for code, warnings in findings(report.warnings).items():
        listed = []
        for warning in warnings[:SHOWN]:
            # Of a large bank, only the classes concerned are read.
            rows = {row.id: row for label in warning.concerned for row in classes.get(label, ())}
            own = [rows[sample] for sample in warning.samples if sample in rows]
            if code == "confusable":
                own = [row for label in warning.classes for row in classes.get(label, ())[:EXAMPLES]]
            listed.append(_Found(warning, [picture(version, row) for row in own[:PICTURES]]))
        groups[code] = _Group(len(warnings), listed)
    judged = report.leave_one_out.per_class if report.leave_one_out else {}
    weakest = sorted(((label, row) for label, row in judged.items() if row.queries), key=lambda pair: pair[1].top1)
    return render_template(
        "bank_check.html",
        task=None,
        version=version,
        report=report,
        groups=groups,
        weakest=weakest[:WEAKEST],
        names=class_names(version),
        jobs_beside=_jobs_beside(version),
        **draft_shown(),
    )


def _jobs_beside(version: str) -> DriftOut | None:
    """None where Redis is away: the report needs none."""
    with suppress(Unavailable):
        return drift_of(version, DAYS)
    return None


def _plan(plan: CleaningPlan) -> dict[str, list[Pictured]]:
    """Pictures of a cleaning's plan, by reason."""
    planned: dict[str, list[str]] = {}
    labels = set()
    for entry in plan.aside:
        listed = planned.setdefault(entry.reason, [])
        if len(listed) < PLANNED:
            listed.append(entry.id)
            labels.add(entry.label)
    shown_ids = {identifier for listed in planned.values() for identifier in listed}
    # Of a large bank, only the classes concerned are read.
    classes = (found for found in services().banks.classes(plan.version) if found.entry.label in labels)
    rows = {row.id: row for found in classes for row in found.samples if row.id in shown_ids}
    return {reason: [picture(plan.version, rows[one]) for one in listed] for reason, listed in planned.items()}


def _task(template: str, task: Task) -> str:
    """The page of a task, or the part of it that is polled."""
    result = task.result
    versions = [result.old, result.new] if isinstance(result, VersionPreview) else []
    versions.append(result.version if isinstance(result, CleaningPlan | MadeVersion) else task.arguments.version or "")
    names: dict[str, str] = {}
    for version in filter(None, versions):
        names = class_names(version) | names
    groups = _plan(result) if isinstance(result, CleaningPlan) else {}
    return render_template(
        template, task=shown(task), result=result, names=names, groups=groups, where=_class_page(task), **draft_shown()
    )
