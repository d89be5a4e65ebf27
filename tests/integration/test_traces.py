"""A photo's way from the request to its commit, as a collector for OpenTelemetry receives it."""

from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from shared.core.metric_table import STAGES
from tests.product import Product, eventually, make_photos, run_product

pytestmark = pytest.mark.slow

pytest.importorskip("opentelemetry.sdk", reason="the extra `otel` is not installed")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra `otel` is not installed")
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector:
    """Keeps every span: id → name, parent, trace, role and attributes."""

    def __init__(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        self.spans: dict[str, dict[str, Any]] = {}
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, asked: Any) -> None:
        for resource in asked.resource_spans:
            role = next(a.value.string_value for a in resource.resource.attributes if a.key == "weft.role")
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans[span.span_id.hex()] = {
                        "name": span.name,
                        "parent": span.parent_span_id.hex(),
                        "trace": span.trace_id.hex(),
                        "role": role,
                        "seconds": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                        **{a.key: a.value.string_value or a.value.int_value for a in span.attributes},
                    }

    def named(self, name: str, trace: str = TRACE) -> list[dict[str, Any]]:
        return [span for span in list(self.spans.values()) if (span["name"], span["trace"]) == (name, trace)]

    def way(self, span: dict[str, Any]) -> list[str]:
        """Names from the request down to this span."""
        above = self.spans.get(span["parent"])
        return [*(self.way(above) if above else []), span["name"]]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def product(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    # A real model: the null engine decodes nothing.
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(
            os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server.server_address[1]}"
        )
        patched.setitem(os.environ, "OTEL_BSP_SCHEDULE_DELAY", "300")
        folder: Path = tmp_path_factory.mktemp("traced")
        with run_product(folder, engine="openvino", appendfsync="everysec") as started:
            yield started


def test_a_photo_can_be_followed_from_the_request_to_the_commit(product: Product, collector: Collector) -> None:
    folder = make_photos(product.photos / "secret-folder", classes=2, each=5)
    job = requests.post(
        f"{product.url}/api/v1/jobs/folder",
        json={"path": str(folder), "preset": "standard"},
        headers={"traceparent": f"00-{TRACE}-{PARENT}-01"},
        timeout=20,
    ).json()
    eventually(lambda: len(collector.named("decode")) == 10 and bool(collector.named("chunk")), what="the spans")
    eventually(lambda: sum(span["weft.photos"] for span in collector.named("chunk")) == 10)
    request = collector.named("POST /api/v1/jobs/folder")[0]
    assert (request["parent"], request["role"], request["weft.status"], request["weft.job"]) == (
        PARENT,
        "web",
        202,
        job["id"],
    )
    for stage in STAGES:
        found = collector.named(stage)
        assert found, stage
        for span in found:
            assert collector.way(span) == ["POST /api/v1/jobs/folder", "job", "chunk", stage]
            assert span["role"] == "worker"
            assert 0 <= span["seconds"] < 600
    assert len(collector.named("read")) == 10
    for chunk in collector.named("chunk"):
        assert (chunk["weft.job"], chunk["weft.failed"], chunk["weft.how"]) == (job["id"], 0, "chunk_done")
    assert "secret-folder" not in str(collector.spans)
