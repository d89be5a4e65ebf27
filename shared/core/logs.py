"""Structured logs: one line an event, readable on a terminal, JSON where `WEFT_LOG_JSON` asks for it."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from shared.core.settings import Settings

#: What every line of this process says. Context variables would not reach the threads.
_process: dict[str, str] = {}


def bind_process(**values: str) -> None:
    """From now on every line of this process says so."""
    _process.update(values)


def _of_process(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for name, value in _process.items():
        event.setdefault(name, value)
    return event


def configure(settings: Settings, role: str) -> None:
    """Sets up logging for this process. `role`: web, worker, dispatcher, cli."""
    _process.clear()
    _process["role"] = role
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _of_process,
        structlog.processors.add_log_level,
        # UTC, so that the logs of several machines can be read together.
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    final: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=28, exception_formatter=structlog.dev.plain_traceback
        )
    )
    tail: list[structlog.typing.Processor] = [structlog.processors.format_exc_info] if settings.log_json else []
    level = logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO)
    structlog.configure(
        processors=[*shared, *tail, final],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries that use the standard logging module.
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
