"""The units of deploy/systemd, as systemd itself reads them, and what `weft up` and `weft web` tell it."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.core.settings import Settings
from tests.environment import clean_environment
from tests.product import ROOT, WEFT, eventually, free_port
from tests.web_server import serving

UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


@contextmanager
def notify_socket(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket as systemd opens one for a service of `Type=notify`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        found.bind(str(path))
        found.settimeout(120)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield found


def test_web_says_that_it_serves_and_that_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    with (
        notify_socket(tmp_path / "notify", monkeypatch) as told,
        serving(settings, tmp_path / "web.log", redis_url="redis://127.0.0.1:1") as server,
    ):
        assert told.recv(1000) == b"READY=1"
        server.process.send_signal(signal.SIGTERM)
        assert told.recv(1000) == b"STOPPING=1"


def test_up_says_when_the_pages_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = clean_environment()
    chosen = {"DATA_DIR": str(tmp_path / "data"), "PORT": str(free_port()), "ENGINE": "null", "LANG": "en"}
    env |= {f"WEFT_{name}": value for name, value in chosen.items()}
    with notify_socket(tmp_path / "notify", monkeypatch) as told, (tmp_path / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [*WEFT, "up", "--workers", "0"],
            env=env | {"NOTIFY_SOCKET": str(tmp_path / "notify")},
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
        try:
            # Once, although `weft web` runs below it.
            assert told.recv(1000).startswith(b"READY=1\nSTATUS=pages at http://127.0.0.1:")
            process.send_signal(signal.SIGTERM)
            assert told.recv(1000) == b"STOPPING=1"
            eventually(lambda: process.poll() is not None, 60, "its end")
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def stand_ins(folder: Path) -> list[Path]:
    """The units with programs that are on this machine: systemd looks for them."""
    made = []
    for unit in UNITS:
        text = unit.read_text("utf-8").replace("/opt/weft/.venv/bin/weft", "/bin/true")
        made.append(folder / unit.name)
        made[-1].write_text(text.replace("/usr/bin/redis-server", "/bin/true"))
    return made


@needs_systemd
def test_systemd_reads_them_without_a_complaint(tmp_path: Path) -> None:
    assert len(UNITS) == 6
    done = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", "--recursive-errors=one", *stand_ins(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if str(tmp_path) in line or "weft" in line]
    assert (done.returncode, complaints) == (0, [])


@needs_systemd
def test_they_are_confined(tmp_path: Path) -> None:
    """1.5 on systemd's scale of exposure, where 10 is a service without any limit; what is left is the network."""
    for unit in stand_ins(tmp_path):
        done = subprocess.run(
            [str(ANALYZE), "security", "--offline=true", "--threshold=20", unit],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_what_they_start_exists(unit: Path) -> None:
    text = unit.read_text("utf-8")
    found = re.search(r"^ExecStart=/opt/weft/.venv/bin/weft (\w+)$", text, re.MULTILINE)
    if "redis" in unit.name:
        assert "--port 0" in text
        assert "--unixsocketperm 700" in text
        return
    assert found
    from scripts.cli.main import COMMANDS

    assert found[1] in COMMANDS
    assert "User=weft" in text
    # Only who can say so is waited for.
    assert ("Type=notify" in text) == (found[1] in ("up", "web"))


def test_the_settings_of_the_units_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "deploy/systemd/weft.env").read_text("utf-8")
    pairs = re.findall(r"^#?(WEFT_\w+)=(.*)$", text, re.MULTILINE)
    assert pairs
    for name, value in pairs:
        assert name.removeprefix("WEFT_").lower() in Settings.model_fields
        monkeypatch.setenv(name, value)
    assert Settings().log_json
