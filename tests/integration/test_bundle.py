"""`weft bundle`: its archive installs into an empty folder with no index to ask, and what is installed runs."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.product import ROOT, WEFT, eventually, free_port


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_an_archive_installs_and_starts_without_network(tmp_path: Path) -> None:
    file = tmp_path / "weft.tar"
    line = [*WEFT, "bundle", str(file), "--role", "web", "--json"]
    made = json.loads(subprocess.run(line, cwd=ROOT, check=True, capture_output=True, timeout=1200).stdout)
    assert (made["roles"], made["bytes"]) == (["web"], file.stat().st_size)
    with tarfile.open(file) as archive:
        archive.extractall(tmp_path, filter="data")
    (there,) = tmp_path.glob("weft-*")
    # A wheel that was changed on its way is refused.
    wheel = next(there.glob("wheels/click-*.whl"))
    original = wheel.read_bytes()
    with zipfile.ZipFile(io.BytesIO(original)) as told, zipfile.ZipFile(wheel, "w") as changed:
        for name in told.namelist():
            changed.writestr(name, told.read(name) + (b"# changed" if name.endswith("core.py") else b""))
    refused = install(there)
    assert (refused.returncode != 0, "Hash mismatch" in refused.stderr) == (True, True), refused.stderr
    wheel.write_bytes(original)
    done = install(there)
    assert done.returncode == 0, done.stderr
    weft, port = there / ".venv/bin/weft", free_port()
    env = {**alone(), "WEFT_DATA_DIR": str(tmp_path / "data"), "WEFT_PORT": str(port)}
    told = subprocess.run([weft, "--help"], env=env, check=True, capture_output=True, text=True, timeout=120).stdout
    assert "bundle" in told
    with (tmp_path / "up.log").open("wb") as log:
        process = subprocess.Popen([weft, "up", "--workers", "0"], env=env, cwd=tmp_path, stdout=log, stderr=log)
    try:
        eventually(lambda: answers(process, port), 300, "the start")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def alone() -> dict[str, str]:
    """An environment that knows nothing of this installation, and whose way to the network leads nowhere."""
    nowhere = "http://127.0.0.1:9"
    return {"PATH": os.defpath, "HOME": "/nonexistent", "http_proxy": nowhere, "https_proxy": nowhere}


def install(there: Path) -> subprocess.CompletedProcess[str]:
    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    line = ["sh", str(there / "scripts/install_offline.sh")]
    env = {**alone(), "PYTHON": str(python)}
    return subprocess.run(line, env=env, capture_output=True, text=True, timeout=600, check=False)


def answers(process: subprocess.Popen[bytes], port: int) -> bool:
    assert process.poll() is None
    with suppress(requests.RequestException):
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok
    return False
