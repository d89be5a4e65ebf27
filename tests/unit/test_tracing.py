"""Tracing stays out of the way where nobody asks for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.core import tracing

ROOT = Path(__file__).resolve().parents[2]


def test_it_is_off_and_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert tracing.start("web") is False
    with tracing.span("job", job="x") as span:
        assert span.traceparent == ""
        span.tell("other", photos=3)

    def call() -> int:
        return 1

    same: Callable[[], int] = tracing.within("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", call)
    assert same is call
    tracing.opened("chunk", "").end()
    tracing.record("decode", 0, ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])


def test_without_the_extra_it_says_so_and_goes_on() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from shared.core import tracing\n"
        "print(tracing.start('web'), tracing._tracer)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": "/usr/bin", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "False None" in done.stdout
    assert "tracing_needs_package" in done.stdout + done.stderr
