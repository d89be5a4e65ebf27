"""The process of one task of `tasks`: `python -m shared.curation.task_runner TASK PARENT LOCK`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import structlog

from shared.access.audit import Audit
from shared.access.scopes import ANONYMOUS
from shared.bank.drafts import Drafts
from shared.bank.manifest import Origin
from shared.bank.ranking_fit import Measured
from shared.bank.store import BankStore
from shared.core.errors import NotFound, WeftError
from shared.core.logs import configure
from shared.core.process import die_with_parent
from shared.core.settings import Settings
from shared.curation import tasks, uploads
from shared.curation.reports import BeforeAfter, CleaningPlan, MadeVersion
from shared.curation.task_model import (
    AddArguments,
    ApplyArguments,
    Arguments,
    CheckArguments,
    CleanArguments,
    CurateArguments,
    EditArguments,
    NewBankArguments,
    PreviewArguments,
    Result,
    TaskError,
)
from shared.jobs.ledger import Ledger

_log = structlog.get_logger(__name__)

#: Seconds between two notes of progress.
_PROGRESS_INTERVAL = 0.3

Progress = Callable[[str, int, int], None]

#: What asks for a new version.
Making = ApplyArguments | CurateArguments | AddArguments | EditArguments | NewBankArguments


def main() -> int:
    task_id, parent, lock = sys.argv[1:]
    die_with_parent(int(parent))
    # Photos come first.
    os.nice(5)
    settings = Settings()
    configure(settings, "bank")
    task = tasks.find(settings, task_id)
    try:
        result = perform(settings, task.arguments, _progress_reporter(settings, task_id), task.by)
    except WeftError as error:
        tasks.fail(settings, task_id, TaskError(code=error.code, detail=error.detail))
    except ModuleNotFoundError as error:
        tasks.fail(settings, task_id, TaskError(code="bank_needs_module", detail={"module": error.name}))
    except Exception:
        _log.exception("bank_task_failed", task=task_id, kind=task.kind)
        tasks.fail(settings, task_id, TaskError(code="internal", detail={}))
    else:
        tasks.succeed(settings, task_id, result)
    # Not only when the interpreter has taken itself apart: whoever sees the outcome may start the next task.
    os.close(int(lock))
    return 0


def _progress_reporter(settings: Settings, task_id: str) -> Progress:
    reported_at = 0.0

    def report(stage: str, done: int, total: int) -> None:
        nonlocal reported_at
        if time.monotonic() - reported_at >= _PROGRESS_INTERVAL:
            reported_at = time.monotonic()
            tasks.report_progress(settings, task_id, stage, done, total)

    return report


def perform(settings: Settings, arguments: Arguments, progress: Progress, by: str | None = None) -> Result:
    """Does what was asked. `by`: who asked. Raises WeftError, ModuleNotFoundError."""
    match arguments:
        case CheckArguments():
            from shared.curation.check import check_bank

            return check_bank(settings, arguments.version, progress)
        case PreviewArguments():
            from shared.curation.preview import preview

            ledger = Ledger.connect(settings)
            return preview(settings, ledger, arguments.version, arguments.base, progress=progress)
        case CleanArguments():
            from shared.curation.clean import plan_cleaning

            return plan_cleaning(settings, arguments.version, arguments.keep, progress)
        case ApplyArguments():
            return _apply(settings, arguments, progress, by)
        case CurateArguments():
            from shared.curation.derive import Change, derive

            change = Change(aside=dict.fromkeys(arguments.aside, "by_hand"), restore=arguments.back)
            made = derive(settings, arguments.version, change, origin=Origin.CURATE, progress=progress, by=by)
            return _made(settings, arguments, made)
        case AddArguments():
            from shared.curation.additions import add_corrections

            ledger = Ledger.connect(settings)
            made = add_corrections(settings, ledger, arguments.version, arguments.items, progress, by)
            return _made(settings, arguments, made)
        case EditArguments() | NewBankArguments():
            from shared.curation.editing import apply_edit, make_bank

            try:
                if isinstance(arguments, EditArguments):
                    made = apply_edit(settings, arguments, progress, by)
                else:
                    made = make_bank(settings, arguments, progress, by)
            finally:
                if arguments.upload:
                    uploads.drop(settings, arguments.upload)
            return _made(settings, arguments, made)


def _apply(settings: Settings, arguments: ApplyArguments, progress: Progress, by: str | None) -> MadeVersion:
    from shared.curation.clean import apply_cleaning

    plan = tasks.find(settings, arguments.plan).result
    if not isinstance(plan, CleaningPlan):
        raise NotFound(what=f"task {arguments.plan}")
    made = _made(settings, arguments, apply_cleaning(settings, plan, progress=progress, by=by))
    # The same photos before and after, which the two versions' own figures do not ask.
    return made.model_copy(update={"measured": plan.leave_one_out})


def _made(settings: Settings, arguments: Making, version: str) -> MadeVersion:
    """What is said of a version that was made, and published or put into the draft where that was asked."""
    store = BankStore(settings).of_version(version)
    parent = arguments.version
    published = False
    if isinstance(arguments, ApplyArguments | CurateArguments | AddArguments):
        # Whoever published another version meanwhile did not know of this one.
        published = arguments.publish and store.current() == parent
        drafted = arguments.draft and not published
    else:
        drafted = True
    manifest = store.manifest(version)
    if published:
        store.publish(version, manifest.by)
        Audit(settings).record(manifest.by or ANONYMOUS, "bank_published", version, "task")
    if drafted:
        drafts = Drafts(store)
        # A new bank replaces what the draft holds; undo brings that back.
        drafts.extend(version, parent or drafts.head())
    before = store.manifest(parent).ranking.measured if parent else None
    return MadeVersion(
        version=version,
        published=published,
        counts=manifest.counts,
        measured=BeforeAfter[Measured | None](before=before, after=manifest.ranking.measured),
        skipped=manifest.skipped,
        drafted=drafted,
    )


if __name__ == "__main__":
    sys.exit(main())
