"""What pages and API share when bank work is started: which version it is about, and that nothing slips in between."""

from __future__ import annotations

from flask import g

from shared.bank.drafts import Drafts
from shared.bank.store import BankStore
from shared.core.errors import Conflict, InvalidRequest
from shared.curation import edits, tasks
from shared.curation.task_model import (
    AddArguments,
    ApplyArguments,
    Arguments,
    CheckArguments,
    CleanArguments,
    CurateArguments,
    EditArguments,
    PreviewArguments,
    Task,
    TaskKind,
    TaskState,
)
from web.access.visitor import owner
from web.bank_choice import bank_store
from web.bank_schemas import DraftOut, TaskOut
from web.bank_work_schemas import Add, Apply, Check, Clean, Curate, Editing, Merge, Move, Preview, Remove
from web.context import services
from web.i18n import say
from web.schemas import Note


def begin(work: Check | Preview | Clean | Apply | Curate | Add | Editing) -> Task:
    """Starts a process for the work.

    Raises NotFound, BankError, InvalidRequest, Conflict: `bank_busy`, or `bank_changed` where the plan that is to be
    applied was made for a version that is no longer active.
    """
    arguments = _editing(work) if isinstance(work, Editing) else _arguments(work)
    return start(TaskKind(work.kind), arguments)


def start(kind: TaskKind, arguments: Arguments) -> Task:
    """Raises Conflict("bank_busy"), Unavailable("disk_full")."""
    task = tasks.start(services().settings, kind, arguments, owner())
    g.acted_on = f"{kind}/{task.id}"
    return task


def draft() -> DraftOut:
    """The changes that are collected, and whether they began with the version that is active."""
    banks = bank_store()
    versions = Drafts(banks).versions()
    base = banks.manifest(versions[0]).parent if versions else None
    return DraftOut(
        bank=banks.bank,
        version=versions[-1] if versions else None,
        versions=versions,
        base=base,
        behind=base is not None and base != banks.current(),
    )


def edited(store: BankStore | None = None) -> str:
    """The version that the next change of a bank (None: the request's) starts from: the draft, or else the active one.

    Raises BankError("no_bank").
    """
    store = store or bank_store()
    return Drafts(store).head() or store.manifest().version


def _editing(work: Editing) -> EditArguments:
    banks, version = bank_store(), edited()
    manifest = banks.manifest(version)
    shown: str | None
    if isinstance(work, Merge):
        edit = edits.merging(banks, version, work.label, work.into)
        shown = edit.classes[0].label
    elif isinstance(work, Move):
        edit = edits.moving(manifest, work.samples, work.to, work.wish)
        shown = next(iter(edit.move.values()))
    elif isinstance(work, Remove):
        edit, shown = edits.removing(manifest, work.label), None
    elif work.label is None:
        edit = edits.Edit(classes=[edits.new_class(manifest, work.wish)])
        shown = edit.classes[0].label
    else:
        edit = edits.naming(manifest, work.label, work.wish)
        shown = edit.classes[0].label
    return EditArguments(version=version, edit=edit, label=shown)


def _arguments(work: Check | Preview | Clean | Apply | Curate | Add) -> Arguments:
    at = services()
    if isinstance(work, Check):
        return CheckArguments(version=bank_store().manifest(work.version).version)
    if isinstance(work, Preview):
        base = at.banks.of_version(work.version).manifest().version
        return PreviewArguments(version=work.version, base=base)
    if isinstance(work, Apply):
        plan = tasks.find(at.settings, work.plan)
        if plan.kind is not TaskKind.CLEAN or plan.state is not TaskState.DONE:
            raise InvalidRequest(reason="plan: no finished clean task")
        planned = plan.arguments.version
        own = at.banks.of_version(planned)
        if planned is None or planned not in (own.current(), edited(own)):
            raise Conflict("bank_changed")
        return ApplyArguments(version=planned, plan=plan.id, publish=work.publish, draft=work.draft)
    base = edited() if work.draft else bank_store().manifest().version
    if isinstance(work, Clean):
        return CleanArguments(version=base, keep=work.keep)
    if isinstance(work, Curate):
        if not work.aside and not work.back:
            raise InvalidRequest("no_samples_selected")
        return CurateArguments(version=base, aside=work.aside, back=work.back, publish=work.publish, draft=work.draft)
    items = [(item.job, item.index) for item in work.items]
    return AddArguments(version=base, items=items, publish=work.publish, draft=work.draft)


def shown(task: Task) -> TaskOut:
    """A task with its error as a sentence in the user's language."""
    error = Note(code=task.error.code, message=say(task.error.code, **task.error.detail)) if task.error else None
    if task.state is TaskState.INTERRUPTED:
        error = Note(code="bank_task_interrupted", message=say("bank_task_interrupted"))
    return TaskOut(
        id=task.id,
        kind=task.kind,
        arguments=task.arguments,
        started=task.started,
        state=task.state.value,
        progress=task.progress,
        result=task.result.to_json() if task.result else None,
        error=error,
        by=task.by,
    )
