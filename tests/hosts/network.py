"""Machines in miniature: a network namespace each, joined by a bridge, with a host name and mounts of its own.

The tests themselves stand at the bridge, at `HERE`: the machine with Redis and the object store.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.environment import clean_environment
from tests.product import ROOT, WEFT

#: A network that nothing else here has.
NETWORK = "10.213.77."
#: Where the tests, Redis and the object store are reached.
HERE = f"{NETWORK}1"
_BRIDGE = "weft-hosts"
#: Runs "$@" with a host name and mounts (`SOURCE TARGET` lines in $MOUNTS) that no other machine sees.
_ENTER = """
hostname "$1"; shift
printf '%s' "$MOUNTS" | while read -r source target; do mount --bind "$source" "$target" || exit 1; done
exec "$@"
"""


@dataclass
class Host:
    """One machine. `mounts`: what it sees in place of something else: (source, target)."""

    name: str
    address: str
    folder: Path
    env: dict[str, str]
    mounts: list[tuple[Path, Path]] = field(default_factory=list)
    #: The code that it runs.
    code: Path = ROOT
    #: The only core that it has; None: all.
    core: int | None = None
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def _command(self, words: tuple[str | Path, ...]) -> list[str]:
        inside = ["ip", "netns", "exec", self.name, "unshare", "--uts", "--mount"]
        cores = [] if self.core is None else ["taskset", "--cpu-list", str(self.core)]
        return [*cores, *inside, "sh", "-c", _ENTER, "-", self.name, *WEFT, *map(str, words)]

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        inherited = clean_environment()
        own = {"HOME": str(self.folder), "TMPDIR": str(self.folder / "tmp"), "PYTHONPATH": str(self.code)}
        mounts = "".join(f"{source} {target}\n" for source, target in self.mounts)
        return {**inherited, **own, "WEFT_DATA_DIR": str(self.data), "MOUNTS": mounts, **self.env, **more}

    def weft(self, *words: str | Path, timeout: float = 300, **more: str) -> subprocess.CompletedProcess[str]:
        """One command of the command line on this machine, to its end."""
        return subprocess.run(
            self._command(words),
            env=self._environment(more),
            cwd=self.code,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *words: str, **more: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self._command(words),
                env=self._environment(more),
                cwd=self.code,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def stop(self) -> None:
        """Ends what runs here: asked first."""
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.running.clear()

    def unplug(self) -> None:
        """Its network cable is pulled: packets vanish, nobody is told."""
        _ip("link", "set", f"{self.name}-b", "down")

    def plug(self) -> None:
        _ip("link", "set", f"{self.name}-b", "up")

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""


@dataclass
class Network:
    folder: Path
    hosts: dict[str, Host] = field(default_factory=dict)

    def host(self, name: str, env: dict[str, str]) -> Host:
        """A new machine, joined to the bridge."""
        host = Host(name, f"{NETWORK}{len(self.hosts) + 2}", self.folder / name, env)
        (host.folder / "tmp").mkdir(parents=True)
        # A run that was killed may have left them.
        _ip("netns", "del", name, check=False)
        _ip("link", "del", f"{name}-b", check=False)
        _ip("netns", "add", name)
        self.hosts[name] = host
        _ip("link", "add", f"{name}-b", "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", f"{name}-b", "master", _BRIDGE, "up")
        _ip("-n", name, "addr", "add", f"{host.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", name, "link", "set", device, "up")
        return host


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    """Skips the test where this machine or this user may have no network namespaces."""
    if os.geteuid() or not shutil.which("ip") or not shutil.which("unshare"):
        pytest.skip("needs root, and the programs ip (iproute2) and unshare (util-linux)")
    made = Network(folder)
    try:
        try:
            _ip("link", "del", _BRIDGE, check=False)
            _ip("link", "add", _BRIDGE, "type", "bridge")
            _ip("addr", "add", f"{HERE}/24", "dev", _BRIDGE)
            _ip("link", "set", _BRIDGE, "up")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no bridge here: {error.stderr.strip()}")
        yield made
    finally:
        for host in made.hosts.values():
            host.stop()
            _ip("netns", "del", host.name, check=False)
        _ip("link", "del", _BRIDGE, check=False)


def _ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True, text=True)
