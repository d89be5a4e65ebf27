"""Alert rules and dashboard: each rule fires where it should, each metric exists, and the figures are the code's."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.cli.diagnostics import DISK_WARNING
from shared.core.metric_table import METRICS, Kind
from shared.jobs.admission import MEMORY_FOR_JOBS
from shared.jobs.model import WAITING_FOR

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "monitoring"
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
TESTS = yaml.safe_load((FOLDER / "alerts_test.yml").read_text("utf-8"))["tests"]
BOARD: dict[str, Any] = json.loads((FOLDER / "grafana/dashboards/weft.json").read_text("utf-8"))
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="no promtool on PATH (Debian: apt-get install prometheus)")
EXPRESSIONS = [
    *(rule["expr"] for rule in RULES),
    *(target["expr"] for panel in BOARD["panels"] for target in panel["targets"]),
]
ENDINGS = {Kind.COUNTER: ("_total",), Kind.GAUGE: ("",), Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}
#: Name as Prometheus stores it → labels that it may be asked for.
SERIES = {f"{m.name}{ending}": {*m.labels, "le"} for m in METRICS.values() for ending in ENDINGS[m.kind]}


def promtool(*arguments: str | Path, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    command = [str(PROMTOOL), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@needs_promtool
def test_the_rules_and_their_tests_hold() -> None:
    for arguments in (
        ("check", "rules", "alerts.yml"),
        ("check", "config", "--syntax-only", "prometheus.yml"),
        ("test", "rules", "alerts_test.yml"),
    ):
        done = promtool(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_a_rule_that_never_fires_fails_its_test(rule: dict[str, Any], tmp_path: Path) -> None:
    text = (FOLDER / "alerts.yml").read_text("utf-8")
    mine = next(part for part in text.split("      - alert: ") if part.startswith(rule["alert"] + "\n"))
    silent = re.sub(r"expr: .*?\n        for:", "expr: vector(0) > 1\n        for:", mine, flags=re.DOTALL)
    assert silent != mine
    (tmp_path / "alerts.yml").write_text(text.replace(mine, silent), encoding="utf-8")
    shutil.copy(FOLDER / "alerts_test.yml", tmp_path)
    assert promtool("test", "rules", "alerts_test.yml", folder=tmp_path).returncode != 0


def test_each_alert_has_a_test_that_fires_and_one_that_does_not() -> None:
    fired: set[str] = set()
    for test in TESTS:
        for asked in test["promql_expr_test"]:
            found = {re.search(r'alertname="(\w+)"', s["labels"])[1] for s in asked.get("exp_samples", ())}  # type: ignore[index]
            fired |= found
    assert fired == {rule["alert"] for rule in RULES}
    well = TESTS[0]
    assert not [asked for asked in well["promql_expr_test"] if "exp_samples" in asked]
    given = " ".join(series["series"] for series in well["input_series"])
    for rule in RULES:
        for name in re.findall(r"\bweft_\w+", rule["expr"]):
            assert name in given, f"{rule['alert']}: {name} is missing where everything is well"


def test_each_alert_says_what_to_do() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["next"]
        assert rule["for"]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_and_label_exists(expression: str) -> None:
    names = re.findall(r"\bweft_\w+", expression)
    assert names or "ALERTS" in expression or "up{" in expression
    assert set(names) <= set(SERIES)
    labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)) - {"job", "alertstate"}
    for grouped in re.findall(r"\bby \(([\w, ]+)\)", expression):
        labels |= {label.strip() for label in grouped.split(",")}
    assert not names or labels <= set().union(*(SERIES[name] for name in names))


def test_every_metric_is_watched() -> None:
    """What nobody looks at needs no measuring."""
    used = set(re.findall(r"\bweft_\w+", " ".join(EXPRESSIONS)))
    lacking = [m.name for m in METRICS.values() if not used & {f"{m.name}{ending}" for ending in ENDINGS[m.kind]}]
    assert lacking == ["weft_disk_measured_seconds"]


def test_the_limits_are_those_of_the_code() -> None:
    disk = next(rule["expr"] for rule in RULES if rule["alert"] == "WeftDiskLow")
    assert disk == f"weft_disk_free_bytes < {DISK_WARNING} * weft_disk_reserve_bytes"
    memory = next(rule["expr"] for rule in RULES if rule["alert"] == "WeftRedisNearLimit")
    assert float(memory.split("> ")[-1]) < MEMORY_FOR_JOBS
    away = next(rule["expr"] for rule in RULES if rule["alert"] == "WeftFolderAway")
    assert set(re.search(r'"(.+)"', away)[1].split("|")) <= set(WAITING_FOR.values())  # type: ignore[index]


def test_the_dashboard_is_loaded_with_its_source() -> None:
    source = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/weft.yml").read_text("utf-8"))["datasources"][0]
    provider = yaml.safe_load((FOLDER / "grafana/provisioning/dashboards/weft.yml").read_text("utf-8"))["providers"][0]
    assert source["uid"] == "weft"
    compose = yaml.safe_load((FOLDER.parents[1] / "docker-compose.yml").read_text("utf-8"))["services"]
    assert f"./deploy/monitoring/grafana/dashboards:{provider['options']['path']}:ro" in compose["grafana"]["volumes"]
    assert source["url"] == "http://prometheus:9090"
    identities = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(identities)) == len(identities)
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == source["uid"]
