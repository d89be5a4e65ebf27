"""docker-compose.yml as far as Docker is not needed for it: who reaches whom, what is confined, what is set where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.reference import COMPOSE, COMPOSE_DEFAULTS, NOT_IN_COMPOSE, env_example
from shared.core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
#: End by themselves, so nobody asks how they are.
ONCE = {"prepare", "demo-bank"}
REDIS = {"redis", "redis-cache"}
#: Not ours: the profile `monitoring`.
WATCHING = {"prometheus": "prom/prometheus:v2.53.3", "grafana": "grafana/grafana:11.4.0"}
#: Nor is that of the profile `index`.
INDEX = "index"
OURS = set(SERVICES) - REDIS - set(WATCHING) - {INDEX}
each = pytest.mark.parametrize("name", sorted(SERVICES))


@each
def test_everything_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert "privileged" not in service
    assert "cap_add" not in service
    # Docker itself may be asked for anything: nobody gets its socket.
    assert not [volume for volume in service["volumes"] if "docker.sock" in volume]


@each
def test_nothing_takes_all_of_the_machine(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\$\{WEFT_\w+_MEMORY:-\d+g\}", service["mem_limit"])
    assert re.fullmatch(r"\$\{WEFT_\w+_CPUS:-\d+\}", service["cpus"])
    assert service["pids_limit"] > 0
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


@each
def test_it_comes_back_and_says_how_it_is(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
    assert ("healthcheck" in service) == (name not in ONCE)
    for wanted, how in service.get("depends_on", {}).items():
        ends = how["condition"] == "service_completed_successfully"
        assert ends == (wanted in ONCE), f"{name} waits for {wanted}"
        assert ends or "healthcheck" in SERVICES[wanted]


@each
def test_images_have_versions(name: str) -> None:
    image = SERVICES[name]["image"]
    if name in REDIS:
        assert image == "${WEFT_REDIS_IMAGE:-redis:7-bookworm}"
        return
    if name == INDEX:
        assert image == "${WEFT_INDEX_IMAGE:-pgvector/pgvector:pg18}"
        assert SERVICES[name]["profiles"] == ["index"]
        return
    if name in WATCHING:
        assert image == f"${{WEFT_{name.upper()}_IMAGE:-{WATCHING[name]}}}"
        assert SERVICES[name]["profiles"] == ["monitoring"]
        return
    target = SERVICES[name]["build"]["target"]
    assert image == "${WEFT_REGISTRY:-}weft-" + target + ":${WEFT_VERSION:-0.1.0}"
    stages = re.findall(r"^FROM \S+ AS (\w+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert target in stages
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert version
    assert version[1] in image


def test_redis_is_on_a_network_of_its_own_and_asks_for_a_password() -> None:
    assert FILE["networks"]["redis"] == {"internal": True}
    for name in REDIS:
        service = SERVICES[name]
        assert service["networks"] == ["redis"]
        assert "ports" not in service
        assert service["user"] != "root"
        command = " ".join(service["command"])
        assert "requirepass" in command
        assert "protected-mode no" not in command
        # In the environment and in a file in memory, on no command line.
        assert "$$REDISCLI_AUTH" in command
        assert "WEFT_REDIS_PASSWORD" not in command
        assert service["environment"]["REDISCLI_AUTH"] == "${WEFT_REDIS_PASSWORD}"
    # Who forgets it starts nothing.
    assert "${WEFT_REDIS_PASSWORD:?" in SERVICES["web"]["environment"]["WEFT_REDIS_URL"]
    assert "noeviction" in " ".join(SERVICES["redis"]["command"])
    assert "appendfsync always" in " ".join(SERVICES["redis"]["command"])


def test_the_bank_server_is_behind_the_same_wall_and_asks_for_a_password() -> None:
    service = SERVICES[INDEX]
    assert service["networks"] == ["redis"]
    assert "ports" not in service
    assert service["user"] != "root"
    assert service["environment"]["POSTGRES_PASSWORD"] == "${WEFT_INDEX_PASSWORD:-}"
    # Its data outlive the container; parallel workers of an index share memory.
    assert service["volumes"] == ["index:/var/lib/postgresql"]
    assert service["shm_size"] == "2g"
    assert service["healthcheck"]["test"][1] == "pg_isready"


def test_only_the_pages_are_published_and_to_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {
        "web": ["${WEFT_BIND:-127.0.0.1}:${WEFT_PORT:-8000}:8000"],
        "grafana": ["${WEFT_BIND:-127.0.0.1}:${WEFT_GRAFANA_PORT:-3000}:3000"],
    }


def test_photos_are_read_only() -> None:
    for name in OURS:
        assert "${WEFT_PHOTOS:-./photos}:/photos:ro" in SERVICES[name]["volumes"]
        # Docker gives a new volume the owner that this folder has in the image.
        assert "${WEFT_WEIGHTS:-weights}:/data/weights" in SERVICES[name]["volumes"]
    assert "/data/weights && chown -R weft:weft /data" in (ROOT / "Dockerfile").read_text("utf-8")
    named = {"data", "ledger", "cache", "index", "weights", "metrics", "grafana"}
    assert set(FILE["volumes"]) == named


def test_every_setting_reaches_the_containers() -> None:
    given = SERVICES["web"]["environment"]
    settings = {f"WEFT_{name.upper()}" for name in Settings.model_fields}
    made = {"WEFT_LEDGER_MB", "WEFT_CACHE_MB", "WEFT_PORT"}
    left_out = {f"WEFT_{name.upper()}" for name in NOT_IN_COMPOSE}
    own = {name for name, value in given.items() if value is not None}
    assert own == {"WEFT_REDIS_URL", "WEFT_CACHE_REDIS_URL", "WEFT_FOLDER_ROOTS", "WEFT_ALLOWED_HOSTS", "HOME"}
    assert {name for name in given if name.startswith("WEFT_")} == settings - made - (left_out - own)
    # What the file makes itself, an empty value in .env would not undo; all others are left out where .env is silent.
    for name in OURS:
        assert SERVICES[name]["environment"] == given


def test_what_the_file_asks_for_stands_in_the_example() -> None:
    example = set(re.findall(r"^#?([A-Z_]+)=", env_example(), re.MULTILINE))
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", TEXT))
    passed = {name for name, value in SERVICES["web"]["environment"].items() if value is None}
    # The name of the project is docker compose's own; that of Debian 12 (1.29) knows no `name:` in the file.
    assert asked | passed | {"COMPOSE_PROJECT_NAME"} == example
    assert "name" not in FILE
    # With the same defaults.
    defaults = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", TEXT))
    told = {name: value for name, value, _ in COMPOSE_DEFAULTS}
    assert {name: value for name, value in defaults.items() if name in told and told[name] != value} == {}
    # No secret has a value.
    assert [name for name, value, _ in COMPOSE if value] == ["COMPOSE_PROJECT_NAME"]


def test_the_example_is_made_of_settings_that_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes the comment signs away gets the defaults."""
    for name, value in re.findall(r"^#(WEFT_\w+)=(.+)$", env_example(), re.MULTILINE):
        if name.removeprefix("WEFT_").lower() in Settings.model_fields:
            monkeypatch.setenv(name, value)
    assert Settings() == Settings.model_validate({})
