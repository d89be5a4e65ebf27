"""OpenTelemetry traces, off unless `OTEL_EXPORTER_OTLP_ENDPOINT` is set: request → job → chunk → read, decode, encode,
rank, commit. The way between processes is a W3C traceparent in the job's record.

Needs the extra `otel`; without it, and while off, everything here does nothing. Sampling and what else can be set are
OpenTelemetry's own variables (`OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS`, …).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
_log = structlog.get_logger(__name__)
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
#: What OpenTelemetry's own classes are, which may not be installed.
_provider: Any = None
_tracer: Any = None
#: Of the chunk that this thread works for.
_working_for: ContextVar[str] = ContextVar("working_for", default="")


class Span:
    """A span that is open; where tracing is off, nothing."""

    def __init__(self, own: Any = None) -> None:
        self._own = own

    @property
    def traceparent(self) -> str:
        """For whoever continues in another process or thread; empty while tracing is off."""
        return "" if self._own is None else _injected(self._own)

    def tell(self, name: str | None = None, **attributes: str | int | float) -> None:
        """Gives it a better name, and attributes below `weft.`."""
        if self._own is not None:
            if name:
                self._own.update_name(name)
            self._own.set_attributes(_named(attributes))

    def end(self) -> None:
        if self._own is not None:
            self._own.end()


def start(role: str) -> bool:
    """Turns tracing on in this process if the environment asks for it; whether it is on. `role`: web, worker."""
    global _provider, _tracer  # noqa: PLW0603 - one for each process, as its logs
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return False
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as missing:
        _log.warning("tracing_needs_package", package="weft[otel]", reason=str(missing))
        return False
    named = {"service.name": os.environ.get("OTEL_SERVICE_NAME") or "weft", "weft.role": role}
    _provider = TracerProvider(resource=Resource.create(named))
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = _provider.get_tracer("weft")
    return True


def stop() -> None:
    """Sends what is left; before a process ends that runs no exit handlers."""
    if _provider is not None:
        _provider.shutdown()


@contextmanager
def span(name: str, parent: str | None = None, **attributes: str | int | float) -> Iterator[Span]:
    """The current span of this thread for the length of a `with`. `parent`: a traceparent; None: the current span."""
    if _tracer is None:
        yield Span()
        return
    context = None if parent is None else _extracted(parent)
    with _tracer.start_as_current_span(name, context=context, attributes=_named(attributes)) as own:
        yield Span(own)


def opened(name: str, parent: str, **attributes: str | int | float) -> Span:
    """A span that somebody else ends."""
    if _tracer is None:
        return Span()
    return Span(_tracer.start_span(name, context=_extracted(parent), attributes=_named(attributes)))


def record(name: str, began: int, parents: Iterable[str] = ()) -> None:
    """What has lasted from `began` (`time.time_ns`) until now, once below each parent; by itself, below the chunk that
    this thread works for."""
    if _tracer is None:
        return
    now = time.time_ns()
    for parent in set(parents) or {_working_for.get()}:
        if parent:
            _tracer.start_span(name, context=_extracted(parent), start_time=began).end(now)


def within(parent: str, call: Callable[[], T]) -> Callable[[], T]:
    """The call, which then works for the chunk with this traceparent, in whatever thread."""
    if _tracer is None or not parent:
        return call

    def working() -> T:
        before = _working_for.set(parent)
        try:
            return call()
        finally:
            _working_for.reset(before)

    return working


def _named(attributes: dict[str, str | int | float]) -> dict[str, str | int | float]:
    return {f"weft.{name}": value for name, value in attributes.items()}


def _extracted(parent: str) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent}, Context())


def _injected(own: Any) -> str:
    from opentelemetry.trace import set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier, set_span_in_context(own))
    return carrier.get("traceparent", "")
