"""What Prometheus reads of a running product: every metric of the table, true figures, and labels out of small sets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import requests
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from shared.core.messages import PHOTO_CODES
from shared.core.metric_table import METRICS, STAGES, TABLE, Kind
from shared.jobs.ledger import Ledger, measurements
from shared.jobs.model import WAITING_FOR, Lane
from shared.jobs.states import RULES
from shared.maintenance import disk_use
from tests.bank_api import call, finished
from tests.product import Product, eventually, make_photos, run_product
from web.app import create_app

pytestmark = pytest.mark.slow

NEVER = re.compile(r"secret-folder|\.jpg|\.png|[0-9a-f]{64}")
#: Labels with values that the code knows; None: those of the site's set-up.
KNOWN: dict[str, set[str] | None] = {
    "state": None,
    "status": {"ok", "failed", *(f"{n}xx" for n in range(1, 6))},
    "code": {*PHOTO_CODES, "other"},
    "result": {"hit", "miss"},
    "for": set(WAITING_FOR.values()),
    "lane": {lane.value for lane in Lane},
    "method": {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"},
    "route": None,
    "stage": set(STAGES),
    "role": {"web", "worker", "dispatcher"},
    "kind": set(disk_use.FOLDERS),
    **dict.fromkeys(("worker", "model", "engine", "precision", "device", "bank", "version", "le")),
}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    # A real model: the null engine decodes nothing.
    with run_product(tmp_path_factory.mktemp("metrics"), engine="openvino", appendfsync="everysec") as started:
        yield started


@pytest.fixture(scope="module")
def job(product: Product) -> dict[str, Any]:
    """A job of 12 photos and one that is none, run twice: the second time out of the cache."""
    folder = make_photos(product.photos / "secret-folder", classes=3, each=4)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    body = {"path": str(folder), "name": "night", "preset": "standard"}
    finished(product, call(product, "POST", "/jobs/folder", body, 202))
    return finished(product, call(product, "POST", "/jobs/folder", body, 202))


def scraped(product: Product) -> dict[str, Metric]:
    answer = requests.get(f"{product.url}/metrics", timeout=20)
    assert answer.status_code == 200
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def values(family: Metric, ending: str = "") -> dict[tuple[str, ...], float]:
    """Values of labels → value, of the samples whose name ends so."""
    return {tuple(s.labels.values()): s.value for s in family.samples if s.name == family.name + ending}


def test_the_figures_are_true(product: Product, job: dict[str, Any]) -> None:
    assert (job["ok"], job["failed"], job["cached"]) == (12, 1, 12)
    # Workers add what they have measured with their heartbeat. Beside others, the first job is committed in parts.
    eventually(lambda: sum(values(scraped(product)["weft_cache_lookups"], "_total").values()) == 26)
    eventually(lambda: values(scraped(product)["weft_stage_seconds"], "_count").get(("commit",), 0) >= 2)
    found = scraped(product)
    assert values(found["weft_photos"], "_total") == {("ok",): 24, ("failed",): 2}
    assert values(found["weft_photos_cached"], "_total") == {(): 12}
    failures = values(found["weft_photo_failures"], "_total")
    assert sum(failures.values()) == 2
    assert values(found["weft_cache_lookups"], "_total") == {("hit",): 12, ("miss",): 14}
    assert values(found["weft_jobs_ended"], "_total") == {("finished",): 2, ("cancelled",): 0}
    # The dispatcher says it once a second.
    eventually(lambda: set(values(scraped(product)["weft_jobs"]).values()) == {0}, what="no job under way")
    assert values(found["weft_dispatcher_up"]) == {(): 1}
    assert values(found["weft_workers"])[("ready",)] + values(found["weft_workers"])[("busy",)] == 1
    assert values(found["weft_process_starts"], "_total") == {("web",): 1, ("worker",): 1, ("dispatcher",): 1}
    counts = values(found["weft_stage_seconds"], "_count")
    assert counts[("read",)] == 26
    assert counts[("decode",)] == 14
    assert counts[("encode",)] >= 1
    assert counts[("rank",)] >= 2
    limit, used = values(found["weft_redis_limit_bytes"])[()], values(found["weft_redis_memory_bytes"])[()]
    assert limit == product.settings.ledger_mb * 1024**2 > used > 0
    assert 0 < values(found["weft_disk_free_bytes"])[()] < values(found["weft_disk_size_bytes"])[()]
    assert values(found["weft_disk_used_bytes"])[("ledger",)] > 0
    assert [labels[0] for labels in values(found["weft_bank_info"])] == ["default"]
    assert len(values(found["weft_model_info"])) == len(values(found["weft_build_info"])) == 1


def test_requests_are_told_by_the_pattern_of_their_address(product: Product, job: dict[str, Any]) -> None:
    requests.get(f"{product.url}/api/v1/jobs/{job['id']}", timeout=20)
    requests.get(f"{product.url}/nowhere/secret-folder/{job['id']}", timeout=20)
    requests.request("BREW", f"{product.url}/jobs", timeout=20)
    counts = values(scraped(product)["weft_request_seconds"], "_count")
    assert counts["GET", "/api/v1/jobs/<job_id>", "2xx"] >= 1
    assert counts["GET", "-", "4xx"] >= 1
    assert [labels for labels in counts if labels[0] == "other"]
    assert counts["POST", "/api/v1/jobs/folder", "2xx"] == 2


def test_a_histogram_adds_up(product: Product, job: dict[str, Any]) -> None:
    for family in scraped(product).values():
        if family.type != "histogram":
            continue
        buckets: dict[tuple[str, ...], list[tuple[float, float]]] = {}
        for sample in family.samples:
            if sample.name.endswith("_bucket"):
                labels = tuple(v for k, v in sample.labels.items() if k != "le")
                buckets.setdefault(labels, []).append((float(sample.labels["le"]), sample.value))
        counts = values(family, "_count")
        assert set(buckets) == set(counts)
        for labels, rows in buckets.items():
            assert [bound for bound, _ in rows] == [*METRICS[family.name].buckets, float("inf")]
            assert all(one <= two for (_, one), (_, two) in pairwise(rows))
            assert rows[-1][1] == counts[labels]


def test_every_metric_is_there_and_nothing_else(product: Product, job: dict[str, Any]) -> None:
    eventually(lambda: bool(scraped(product)["weft_disk_used_bytes"].samples))
    found = scraped(product)
    assert set(found) == set(METRICS)
    for name, family in found.items():
        assert family.type == METRICS[name].kind.value
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(METRICS[name].labels)


def test_no_label_grows_with_use(product: Product, job: dict[str, Any]) -> None:
    routes = set()
    for name, family in scraped(product).items():
        for sample in family.samples:
            for label, value in sample.labels.items():
                assert label in KNOWN, (name, label)
                allowed = KNOWN[label]
                assert allowed is None or value in allowed, (name, label, value)
                assert not NEVER.search(value), (name, label, value)
                assert job["id"] not in value, (name, label, value)
                if label == "state":
                    assert value in {*RULES, "starting", "loading", "ready", "busy", "error"}
                if label == "route":
                    routes.add(value)
    known = {str(rule) for rule in create_app(product.settings).url_map.iter_rules()}
    assert routes <= {"-", *known}


def test_a_worker_that_starts_again_keeps_its_series(product: Product, job: dict[str, Any]) -> None:
    ledger = Ledger.connect(product.settings)
    beat = ledger.workers()[0]
    before = set(values(scraped(product)["weft_worker_memory_bytes"]))
    ledger.record_heartbeat(f"{beat['host']}-1", {**beat, "id": f"{beat['host']}-1", "pid": 1})
    ledger.deregister_worker(beat["id"])
    assert set(values(scraped(product)["weft_worker_memory_bytes"])) == before
    assert before == {(f"{beat['host']}/1",)}


def test_totals_outlive_the_process_that_measured(product: Product, job: dict[str, Any]) -> None:
    connection = Ledger.connect(product.settings).connection
    held = measurements.totals(connection)
    stages = {dict(labels)["stage"] for (name, labels) in held if name == "weft_stage_seconds_count"}
    assert stages == set(STAGES)


def test_labels_are_declared_for_each_kind() -> None:
    assert {m.kind for m in TABLE} == set(Kind)
    assert all(m.buckets for m in TABLE if m.kind is Kind.HISTOGRAM)
    assert {label for m in TABLE for label in m.labels} <= set(KNOWN)
