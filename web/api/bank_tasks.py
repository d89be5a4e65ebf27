"""Bank work that takes a while, done by a process of its own: start it, then ask how far it is."""

from __future__ import annotations

from apiflask import APIBlueprint

from shared.curation import tasks
from web.bank_schemas import BankChoice, TaskOut
from web.bank_work import begin, shown
from web.bank_work_schemas import Asked
from web.context import services

bp = APIBlueprint("bank_tasks", __name__, tag="Bank")


@bp.post("/bank/tasks")
@bp.input(BankChoice, location="query", arg_name="query")
@bp.input(Asked, location="json", arg_name="asked")
@bp.output(TaskOut, status_code=202)
def start(query: BankChoice, asked: Asked) -> TaskOut:
    """Start a check, a preview, a dry run of cleaning, or make a new version. One at a time (409 `bank_busy`)."""
    return shown(begin(asked.root))


@bp.get("/bank/tasks/<task_id>")
@bp.output(TaskOut)
def one(task_id: str) -> TaskOut:
    """A task, its progress, and its result once it is done."""
    return shown(tasks.find(services().settings, task_id))
