"""The client as a wheel installs it: of at most 30 MB, and without any package that only servers need."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from tests.product import ROOT, Product, make_photos

#: Top-level modules that a client does not have.
OF_SERVERS = (
    *("redis", "celery", "kombu", "fsspec", "prometheus_client", "babel", "tenacity", "requests", "psutil"),
    *("flask", "apiflask", "h11", "uvicorn", "numpy", "torch", "openvino", "faiss", "PIL", "onnx", "scipy"),
)
#: `weft` in a process that has none of them.
RUN = f"""
import sys
for name in {OF_SERVERS}: sys.modules[name] = None
from scripts.cli.main import main
main()
"""
MOST_BYTES = 30_000_000
#: Compiled modules take this share of their sources; pip writes them beside.
COMPILED = 1.12


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's files, as in site-packages."""
    folder = tmp_path_factory.mktemp("client")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.safetensors", "node_modules", "vendor")
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    for name in ("shared", "scripts", "web", "worker"):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    line = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, source]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def client(installed: Path, product: Product, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the client against the product, on a machine that has nothing else of Weft."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WEFT_", "PYTHON"))}
    home = tmp_path / "home"
    home.mkdir()
    known = {"WEFT_URL": product.url, "WEFT_LANG": "en", "HOME": str(home), "PYTHONPATH": str(installed)}

    def run(*line: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        changed = {f"WEFT_{name.upper()}": value for name, value in settings.items()}
        return subprocess.run(
            [sys.executable, "-c", RUN, *map(str, line)],
            env=kept | known | changed,
            cwd=home,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


def test_a_folder_goes_through_a_real_server(
    client: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    folder = make_photos(tmp_path / "far", classes=2, each=5)
    done = client("submit", folder, "--watch", "--json")
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)
    assert (job["state"], job["total"], job["ok"]) == ("finished", 10, 10)
    assert sum(job["summary"]["labels"].values()) == 10
    assert json.loads(client("jobs", "--json").stdout)["jobs"][0]["id"] == job["id"]
    done = client("export", job["id"], "--format", "jsonl", "-o", tmp_path / "results.jsonl")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text("utf-8").splitlines()]
    assert sorted(row["name"] for row in rows) == sorted(
        f"far/{path.relative_to(folder)}" for path in folder.rglob("*.jpg")
    )
    assert client("watch", job["id"]).returncode == 0


def test_it_speaks_chinese_without_babel(
    client: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    folder = make_photos(tmp_path / "zh", classes=1, each=2)
    done = client("submit", folder, lang="zh")
    assert done.returncode == 0, done.stderr
    assert "共 2 张照片" in done.stderr


def test_what_a_server_consists_of_is_refused_in_a_sentence(
    client: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    for line in (["up", "--demo"], ["bank", "list"], ["doctor"], ["worker"], ["gc", "--help"]):
        done = client(*line)
        assert done.returncode == 1
        assert "only the client is installed here" in done.stderr
        assert "Traceback" not in done.stderr
    assert "Set WEFT_URL" in client("jobs", url="").stderr


def test_it_takes_at_most_30_mb(installed: Path) -> None:
    """What `pip install .` writes: the packages that pyproject names, all that they need, compiled modules included."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        wanted = tomllib.load(file)["project"]["dependencies"]
    found: set[str] = set()
    while wanted:
        name = re.split(r"[^A-Za-z0-9_.-]", wanted.pop(), maxsplit=1)[0].lower().replace("_", "-")
        if name not in found:
            found.add(name)
            wanted += [one for one in metadata.requires(name) or () if "extra ==" not in one and "platform" not in one]
    files = [Path(str(file.locate())) for name in found for file in metadata.files(name) or ()]
    files += [path for path in installed.rglob("*") if path.is_file()]
    sizes = [(path.suffix, path.stat().st_size) for path in files if path.suffix != ".pyc"]
    assert len(sizes) > 500
    whole = sum(size * (1 + COMPILED if suffix == ".py" else 1) for suffix, size in sizes)
    assert whole < MOST_BYTES, f"{whole / 1e6:.1f} MB of {sorted(found)}"
