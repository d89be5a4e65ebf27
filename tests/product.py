"""A whole running Weft for tests: `weft up` on a free port, in a folder of its own, ended by its process id."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from PIL import Image

from shared.bank.store import BankStore
from shared.core.errors import Unavailable
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from tests.environment import clean_environment
from tests.leftovers import no_orphans

ROOT = Path(__file__).resolve().parents[1]
#: `weft`, however it is installed.
WEFT = (sys.executable, "-m", "scripts.cli")
#: Seconds that start-up may take on a slow machine.
START_SECONDS = 300.0
#: Seconds that any condition may take: the machine may be busy with other things.
PATIENCE_SECONDS = 120.0


@dataclass
class Product:
    """A running `weft up`."""

    process: subprocess.Popen[bytes]
    settings: Settings
    env: dict[str, str]
    log: Path

    @property
    def url(self) -> str:
        """Address of the web process, without a slash at the end."""
        return f"http://127.0.0.1:{self.settings.port}"

    @property
    def photos(self) -> Path:
        """The root of folder jobs."""
        return self.settings.roots[0]

    def weft(self, *args: str | Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run one command of the command line against this product."""
        return subprocess.run(
            [*WEFT, *map(str, args)],
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def output(self) -> str:
        """What `weft up` has printed so far."""
        return self.log.read_text("utf-8", "replace")

    def stop(self, sig: int = signal.SIGINT, seconds: float = 30) -> int:
        """Send `sig` and wait; returns the exit code. Kills what is left after `seconds` and raises."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"weft up did not end within {seconds} s:\n{self.output()}") from None


def eventually(condition: Callable[[], bool], seconds: float = 30, what: str = "the condition") -> None:
    """Await a condition; fails with `what` after `seconds`, or `PATIENCE_SECONDS` if that is more."""
    seconds = max(seconds, PATIENCE_SECONDS)
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} was not met within {seconds} s")
        time.sleep(0.05)


def free_port() -> int:
    """A loopback port that nothing uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def start_product(folder: Path, *args: str, new_group: bool = False, **settings: str) -> Product:
    """Start `weft up` in `folder` without waiting; `settings` are WEFT_ names in lower case, e.g. engine="sleep:50"."""
    port = free_port()
    chosen = {"engine": "null", "lang": "en", **settings, "data_dir": str(folder / "data"), "port": str(port)}
    env = clean_environment()
    env |= {f"WEFT_{name.upper()}": value for name, value in chosen.items()}
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "up.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*WEFT, "up", *args],
            env=env,
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
            process_group=0 if new_group else None,
        )
    known = {name: value for name, value in chosen.items() if name in Settings.model_fields}
    return Product(process, Settings.model_validate(known), env, log)


def await_ready(product: Product, workers: int = 1, bank: bool = True, seconds: float = START_SECONDS) -> None:
    """Wait until photos can be classified and so many workers are warm; without a `bank` or workers, only pages."""

    def ready() -> bool:
        if product.process.poll() is not None:
            raise AssertionError(f"weft up ended with {product.process.returncode}:\n{product.output()}")
        try:
            answer = requests.get(product.url + ("/readyz" if bank and workers else "/healthz"), timeout=5)
            return answer.ok and len(warm_workers(product)) >= workers
        except (requests.ConnectionError, requests.Timeout, Unavailable):
            return False

    try:
        eventually(ready, seconds, "readiness")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{product.output()}\n{logs(product)}") from None


def warm_workers(product: Product) -> list[dict[str, Any]]:
    """Heartbeats of the workers that have their engine."""
    beats = Ledger.connect(product.settings).workers()
    return [beat for beat in beats if beat["state"] in ("ready", "busy")]


def make_photos(folder: Path, classes: int = 4, each: int = 6) -> Path:
    """Small striped pictures, one folder a class, every one different: enough for a bank of the null engine."""
    for label in range(classes):
        for number in range(each):
            path = folder / f"stripe-{label}" / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = Image.new("RGB", (64, 64), (40 * label, 200 - 20 * number, 90))
            for x in range(0, 64, 2 + label):
                picture.paste((255, 250 - number, 10 * label), (x, 0, x + 1, 64))
            picture.save(path, quality=90)
    return folder


def logs(product: Product, lines: int = 30) -> str:
    """The ends of all logs, for a failing test's message."""
    found = sorted(product.settings.run_dir.glob("*.log"))
    return "\n".join(
        "\n".join([f"== {log.name}", *log.read_text("utf-8", "replace").splitlines()[-lines:]]) for log in found
    )


@contextmanager
def run_product(folder: Path, *args: str, workers: int = 1, bank: bool = True, **settings: str) -> Iterator[Product]:
    """A ready product for the length of a `with`, with a small published bank where there is none and `bank` is set.

    Other arguments as for `start_product`.
    """
    product = start_product(folder, "--workers", str(workers), *args, **settings)
    try:
        if bank and BankStore(product.settings).current() is None:
            made = product.weft("bank", "build", make_photos(folder / "bank"), "--json", timeout=START_SECONDS)
            assert made.returncode == 0, made.stdout + made.stderr
        await_ready(product, workers, bank)
        yield product
        if product.process.poll() is None:
            with suppress(Unavailable):
                no_orphans(addresses(product.settings).ledger)
    finally:
        product.stop()
