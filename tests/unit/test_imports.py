"""Imports point one way: down the rooms of `shared`; web, worker and scripts above them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NUMERIC = {"torch", "open_clip", "numpy", "faiss", "openvino", "PIL", "scipy"}
#: What a part may not import, anywhere in its files, function bodies included.
FORBIDDEN = {
    "web": {"worker", "scripts", "tests", *NUMERIC},
    "worker": {"web", "tests", "flask"},
    "shared": {"web", "worker", "scripts", "tests", "flask", "apiflask"},
    "scripts": {"web", "tests", "flask"},
}
#: The one command that starts the web process, and what one other is made of. All others also run where `web` is not
#: installed (worker image).
USES_THE_WEB = ("scripts/cli/commands/web.py", "scripts/cli/collection_report.py")
#: What starts a worker or the dispatcher, and the benchmark that runs a worker's own pipeline without a queue.
STARTS_A_WORKER = {
    "scripts/cli/commands/worker.py",
    "scripts/cli/commands/dispatcher.py",
    "scripts/lab/bench/loops.py",
}


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports, wherever it does."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def files(part: str) -> list[Path]:
    found = sorted((ROOT / part).rglob("*.py"))
    assert found, part
    return found


@pytest.mark.parametrize("part", FORBIDDEN)
def test_no_part_imports_what_stands_above_or_beside_it(part: str) -> None:
    for path in files(part):
        allowed = {"web"} if str(path.relative_to(ROOT)) in USES_THE_WEB else set()
        taken = {name.split(".")[0] for name in imported(path)} & FORBIDDEN[part] - allowed
        assert not taken, f"{path.relative_to(ROOT)} imports {taken}"


def test_scripts_start_workers_and_import_nothing_else_of_them() -> None:
    for path in files("scripts"):
        takes = "worker" in {name.split(".")[0] for name in imported(path)}
        assert takes == (str(path.relative_to(ROOT)) in STARTS_A_WORKER), path


def test_only_the_queue_and_the_worker_know_celery() -> None:
    knowing = {
        str(path.relative_to(ROOT))
        for part in FORBIDDEN
        for path in files(part)
        if {name.split(".")[0] for name in imported(path)} & {"celery", "kombu"}
    }
    assert {path for path in knowing if path.startswith(("shared/", "web/"))} == {"shared/jobs/notifier.py"}


def test_the_pipeline_knows_neither_redis_nor_celery() -> None:
    for path in files("shared/pipeline"):
        names = imported(path)
        assert not {n for n in names if n.split(".")[0] in ("redis", "celery", "kombu")}, path
        assert not {
            n for n in names if n.startswith(("shared.jobs.ledger", "shared.jobs.notifier", "shared.jobs.projection"))
        }, path


#: The rooms of `shared`, from the bottom up: each may import those before it, and no other.
FLOORS = (
    "core",
    "storage",
    "access",
    "photos",
    "encoder",
    "bank",
    "ranking",
    "jobs",
    "collections",
    "similar",
    "curation",
    "pipeline",
    "maintenance",
)


@pytest.mark.parametrize("room", FLOORS)
def test_rooms_import_downwards_only(room: str) -> None:
    below = FLOORS[: FLOORS.index(room) + 1]
    for path in files(f"shared/{room}"):
        taken = {name.split(".")[1] for name in imported(path) if name.startswith("shared.")} - set(below)
        assert not taken, f"{path.relative_to(ROOT)} imports {taken}"


def test_every_file_of_shared_is_in_a_room() -> None:
    places = {path.relative_to(ROOT / "shared").parts[0] for path in files("shared")}
    assert places == {*FLOORS, "__init__.py"}


@pytest.mark.parametrize(
    "module", ["web.app", "web.serve", "shared.jobs.ledger", "shared.jobs.projection", "shared.bank.store"]
)
def test_what_the_web_process_loads_holds_no_numerics(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {name.split(".")[0] for name in loaded.split()} & NUMERIC


def test_commands_load_without_the_web_package() -> None:
    """The worker image has no `web`: importing it is made to fail here, as it does there."""
    code = (
        "import sys; sys.modules['web'] = None\n"
        "from importlib import import_module\n"
        "from scripts.cli import main as cli\n"
        "for name in cli.COMMANDS: name == 'web' or import_module(cli.COMMANDS[name][0].split(':')[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
