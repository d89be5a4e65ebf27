"""The process of one task of `tasks`: `python -m shared.curation.task_runner TASK PARENT LOCK`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog

from shared.bank.manifest import Origin
from shared.bank.store import BankStore
from shared.core.errors import NotFound, WeftError
from shared.core.logs import configure
from shared.core.process import die_with_parent
from shared.core.settings import Settings
from shared.curation import tasks

_log = structlog.get_logger(__name__)

#: Seconds between two notes of progress.
_PROGRESS_INTERVAL = 0.3

Progress = Callable[[str, int, int], None]
Work = Callable[[Settings, dict[str, Any], Progress], dict[str, Any]]


def main() -> int:
    task_id, parent, lock = sys.argv[1:]
    die_with_parent(int(parent))
    # Photos come first.
    os.nice(5)
    settings = Settings()
    configure(settings, "bank")
    task = tasks.find(settings, task_id)
    try:
        result = WORK[task.kind](settings, task.arguments, _progress_reporter(settings, task_id))
    except WeftError as error:
        tasks.finish(settings, task_id, state="failed", error={"code": error.code, "detail": error.detail})
    except ModuleNotFoundError as error:
        detail = {"module": error.name}
        tasks.finish(settings, task_id, state="failed", error={"code": "bank_needs_module", "detail": detail})
    except Exception:
        _log.exception("bank_task_failed", task=task_id, kind=task.kind)
        tasks.finish(settings, task_id, state="failed", error={"code": "internal", "detail": {}})
    else:
        tasks.finish(settings, task_id, state="done", result=result)
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


def _check(settings: Settings, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from shared.curation.check import check_bank

    return check_bank(settings, arguments["version"], progress)


def _preview(settings: Settings, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from shared.curation.preview import preview
    from shared.jobs.ledger import Ledger

    return preview(settings, Ledger.connect(settings), arguments["version"], arguments.get("base"), progress=progress)


def _clean(settings: Settings, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from shared.curation.clean import plan_cleaning

    return plan_cleaning(settings, arguments["version"], arguments["keep"], progress)


def _apply(settings: Settings, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from shared.curation.clean import apply_cleaning

    plan = tasks.find(settings, arguments["plan"]).result
    if plan is None:
        raise NotFound(what=f"task {arguments['plan']}")
    made = apply_cleaning(settings, plan, progress=progress)
    return _made(settings, arguments, made) | {"measured": plan["leave_one_out"]}


def _curate(settings: Settings, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from shared.curation.derive import Change, derive

    change = Change(aside=dict.fromkeys(arguments["aside"], "by_hand"), restore=arguments["back"])
    made = derive(settings, arguments["version"], change, origin=Origin.CURATE, progress=progress)
    return _made(settings, arguments, made)


def _add(settings: Settings, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from shared.curation.additions import add_corrections
    from shared.jobs.ledger import Ledger

    places = [(job, index) for job, index in arguments["items"]]
    made = add_corrections(settings, Ledger.connect(settings), arguments["version"], places, progress)
    return _made(settings, arguments, made)


def _made(settings: Settings, arguments: dict[str, Any], version: str) -> dict[str, Any]:
    """What is said of a version that was made, and published where that was asked."""
    store = BankStore(settings)
    # Whoever published another version meanwhile did not know of this one.
    published = arguments["publish"] and store.current() == arguments["version"]
    if published:
        store.publish(version)
    measured = {
        when: store.manifest(which)["ranking"].get("measured")
        for when, which in (("before", arguments["version"]), ("after", version))
    }
    return {
        "version": version,
        "published": published,
        "counts": store.manifest(version)["counts"],
        "measured": measured,
    }


WORK: dict[str, Work] = {
    "check": _check,
    "preview": _preview,
    "clean": _clean,
    "apply": _apply,
    "curate": _curate,
    "add": _add,
}


if __name__ == "__main__":
    sys.exit(main())
