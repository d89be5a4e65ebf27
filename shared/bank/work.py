"""The process that does one task of `shared.bank.tasks`: `python -m shared.bank.work TASK PARENT`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog

from shared.bank import tasks
from shared.errors import WeftError
from shared.process import die_with_parent
from shared.settings import Settings
from shared.telemetry import configure

_log = structlog.get_logger(__name__)

#: Seconds between two notes of progress.
_TELL = 0.3

Progress = Callable[[str, int, int], None]
Work = Callable[[Settings, dict[str, Any], Progress], dict[str, Any]]


def main() -> int:
    task_id, parent = sys.argv[1:]
    die_with_parent(int(parent))
    # Photos come first.
    os.nice(5)
    settings = Settings()
    configure(settings, "bank")
    task = tasks.find(settings, task_id)
    try:
        result = WORK[task.kind](settings, task.arguments, _teller(settings, task_id))
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
    return 0


def _teller(settings: Settings, task_id: str) -> Progress:
    told = 0.0

    def tell(stage: str, done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= _TELL:
            told = time.monotonic()
            tasks.tell(settings, task_id, stage, done, total)

    return tell


def _preview(settings: Settings, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from shared.bank.preview import preview
    from shared.ledger import Ledger

    return preview(settings, Ledger.connect(settings), arguments["version"], arguments.get("base"), progress=progress)


WORK: dict[str, Work] = {"preview": _preview}


if __name__ == "__main__":
    sys.exit(main())
