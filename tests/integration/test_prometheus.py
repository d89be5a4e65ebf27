"""A real Prometheus with the files of deploy/monitoring reads a real product."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.product import Product, eventually, free_port, run_product

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "monitoring"
PROMETHEUS = shutil.which("prometheus")
KEY = "a-very-secret-key-of-32-letters!"
pytestmark = pytest.mark.skipif(not PROMETHEUS, reason="no prometheus on PATH (Debian: apt-get install prometheus)")
BOARD: dict[str, Any] = json.loads((FOLDER / "grafana/dashboards/weft.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with run_product(tmp_path_factory.mktemp("watched"), appendfsync="everysec", api_key=KEY) as started:
        yield started


@pytest.fixture(scope="module")
def prometheus(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has read the product twice and looked at the rules."""
    folder = tmp_path_factory.mktemp("prometheus")
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [product.url.removeprefix("http://")]}]
    config["scrape_configs"][0]["authorization"]["credentials_file"] = "key"
    (folder / "key").write_text(KEY)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(FOLDER / "alerts.yml", folder)
    address = f"127.0.0.1:{free_port()}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(PROMETHEUS), "--config.file=prometheus.yml", f"--web.listen-address={address}"],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:

        def read_twice() -> bool:
            assert process.poll() is None, (folder / "log").read_text()
            try:
                found = asked(f"http://{address}", 'count_over_time(up{job="weft"}[1m])')
            except requests.RequestException:
                # It answers in words until it is ready.
                return False
            return bool(found) and float(found[0]["value"][1]) >= 3

        eventually(read_twice, 60, "three scrapes")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


def asked(address: str, expression: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{address}/api/v1/query", params={"query": expression}, timeout=20).json()
    assert answer["status"] == "success", (expression, answer)
    return list(answer["data"]["result"])


def test_it_comes_in_with_its_key(prometheus: str) -> None:
    assert [row["value"][1] for row in asked(prometheus, 'up{job="weft"}')] == ["1"]


def test_nothing_is_wrong_with_a_product_that_works(prometheus: str) -> None:
    rules = requests.get(f"{prometheus}/api/v1/rules", timeout=20).json()["data"]["groups"][0]["rules"]
    eventually(lambda: all(rule["health"] == "ok" for rule in _rules(prometheus)))
    # A disk of the machine that runs the tests may be full.
    assert {rule["name"] for rule in _rules(prometheus) if rule["state"] != "inactive"} <= {"WeftDiskLow"}
    assert len(rules) == len(yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"])


def _rules(address: str) -> list[dict[str, Any]]:
    return list(requests.get(f"{address}/api/v1/rules", timeout=20).json()["data"]["groups"][0]["rules"])


def test_every_panel_asks_what_prometheus_understands(prometheus: str) -> None:
    shown = set()
    for panel in BOARD["panels"]:
        for target in panel["targets"]:
            if asked(prometheus, target["expr"]):
                shown.add(panel["title"])
    silent = {panel["title"] for panel in BOARD["panels"]} - shown
    # No photo was classified, none failed, nothing was removed.
    assert silent <= {
        "Photos that failed, by code, in 15 minutes",
        "Time left at this rate",
        "From cache, last hour",
        "Jobs",
        "95th percentile of each stage",
        "Cache lookups per second",
        "Removed by retention per day",
    }, silent
