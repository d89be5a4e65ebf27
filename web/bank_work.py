"""What pages and API share when bank work is started: which version it is about, and that nothing slips in between."""

from __future__ import annotations

from typing import Any

from shared.core.errors import Conflict, InvalidRequest
from shared.curation import tasks
from web.bank_schemas import Add, Apply, Check, Clean, Curate, Preview
from web.context import services
from web.i18n import say


def begin(work: Check | Preview | Clean | Apply | Curate | Add) -> tasks.Task:
    """Starts a process for the work.

    Raises NotFound, BankError, InvalidRequest, Conflict: `bank_busy`, or `bank_changed` where the plan that is to be
    applied was made for a version that is no longer in force.
    """
    at = services()
    current = at.manifest()["version"]
    arguments: dict[str, Any] = {"version": current}
    if isinstance(work, Check):
        arguments["version"] = at.banks.manifest(work.version)["version"]
    elif isinstance(work, Preview):
        arguments = {"version": at.banks.manifest(work.version)["version"], "base": current}
    elif isinstance(work, Clean):
        arguments["keep"] = work.keep
    elif isinstance(work, Apply):
        plan = tasks.find(at.settings, work.plan)
        if plan.kind != "clean" or plan.state != "done":
            raise InvalidRequest(reason="plan: no finished clean task")
        if plan.arguments["version"] != current:
            raise Conflict("bank_changed")
        arguments |= {"plan": plan.id, "publish": work.publish}
    elif isinstance(work, Curate):
        if not work.aside and not work.back:
            raise InvalidRequest(reason="aside, back: no sample")
        arguments |= {"aside": work.aside, "back": work.back, "publish": work.publish}
    else:
        arguments |= {"items": [[item.job, item.index] for item in work.items], "publish": work.publish}
    return tasks.start(at.settings, work.kind, arguments)


def shown(task: tasks.Task) -> dict[str, Any]:
    """A task as JSON, its error as a sentence in the user's language."""
    error = task.error and {"code": task.error["code"], "message": say(task.error["code"], **task.error["detail"])}
    if task.state == "interrupted":
        error = {"code": "bank_task_interrupted", "message": say("bank_task_interrupted")}
    return {
        "id": task.id,
        "kind": task.kind,
        "arguments": task.arguments,
        "started": task.started,
        "state": task.state,
        "progress": task.progress,
        "result": task.result,
        "error": error,
    }
