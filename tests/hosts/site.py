"""Weft on three machines: pages and dispatcher on one, a worker on each of two; Redis behind TLS, storage on S3."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import redis
import requests

from scripts.render import CLASSES, jpeg, render, save_jpeg
from tests.hosts.network import HERE, Host, Network, network
from tests.redis_servers import server, tls_before
from tests.s3_server import BUCKET, S3Server, s3_server

USER, PASSWORD, ADMIN = "weft", "a-w0rd-for-tests", "another-w0rd"
KEY = "a-key-for-the-tests-of-hosts"
#: What Weft's user may do, as docs/operations.md says: its own keys and channels, nothing that governs the server.
LEDGER_RIGHTS = "~weft:* ~mq:* &weft:* &mq:/0.celery.pidbox &mq:/0.celeryev/* +@all -@admin -@dangerous +info"
CACHE_RIGHTS = "~e:* +mget +mset +ping +client|setinfo +client|setname +info"
#: Classes of the bank, and samples of each.
FABRICS, SAMPLES = 8, 5
#: Seconds of a lease: what a machine that is cut off held goes to another after it.
LEASE = 6.0
#: Seconds that any condition may take at least: three machines share the cores of one.
PATIENCE_SECONDS = 240.0


def eventually(condition: Callable[[], bool], seconds: float = 120, what: str = "the condition") -> None:
    """Awaits a condition, asked twice a second: the machines share the cores with whoever asks."""
    deadline = time.monotonic() + max(seconds, PATIENCE_SECONDS)
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} was not met within {seconds} s")
        time.sleep(0.5)


@dataclass
class Site:
    network: Network
    web: Host
    one: Host
    two: Host
    s3: S3Server | None
    admin: redis.Redis
    cache: redis.Redis
    #: The photos that machines share; seen at `mount` where the share is mounted.
    share: Path
    mount: Path
    _drawn: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.web.address}:8000"

    @cached_property
    def http(self) -> requests.Session:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {KEY}"
        return session

    def get(self, path: str) -> Any:
        answer = self.http.get(f"{self.url}/api/v1{path}", timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    def workers(self) -> dict[str, dict[str, Any]]:
        """Heartbeats by machine."""
        return {worker["host"]: worker for worker in self.get("/workers")["workers"]}

    def warm(self, *hosts: Host) -> bool:
        with suppress(requests.RequestException, AssertionError):
            found = self.workers()
            return all(found.get(host.name, {}).get("state") in ("ready", "busy") for host in hosts)
        return False

    def start_workers(self, *hosts: Host, **more: str) -> None:
        for host in hosts:
            host.start("worker", **more)
        try:
            eventually(lambda: self.warm(*hosts), 240, "warm workers")
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(host.said()[-3000:] for host in hosts)) from None

    def restart_worker(self, host: Host, **more: str) -> None:
        host.stop()
        self.start_workers(host, **more)

    # photos

    def photo(self) -> bytes:
        """A JPEG that nothing has seen: drawn fabrics, told apart by a comment in the file."""
        if not self._drawn:
            self._drawn += [jpeg(render(name, seed, 224)) for name in list(CLASSES)[:FABRICS] for seed in (500, 501)]
        drawn = self._drawn[secrets.randbelow(len(self._drawn))]
        comment = os.urandom(16)
        return drawn[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + drawn[2:]

    def folder(self, photos: int) -> Path:
        """A folder of the share, by the path where machines see it."""
        name = secrets.token_hex(4)
        (self.share / name).mkdir()
        for number in range(photos):
            (self.share / name / f"{number:05}.jpg").write_bytes(self.photo())
        return self.mount / name

    # jobs

    def submit_folder(self, folder: Path) -> str:
        answer = self.http.post(f"{self.url}/api/v1/jobs/folder", json={"path": str(folder)}, timeout=30)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def upload(self, photos: list[bytes]) -> requests.Response:
        files = [("files", (f"{number:04}.jpg", photo, "image/jpeg")) for number, photo in enumerate(photos)]
        return self.http.post(f"{self.url}/api/v1/jobs", files=files, timeout=300)

    def submit(self, photos: list[bytes]) -> str:
        answer = self.upload(photos)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def job(self, job: str) -> Any:
        return self.get(f"/jobs/{job}")

    def ended(self, job: str, seconds: float = 300) -> Any:
        eventually(lambda: self.job(job)["state"] in ("finished", "cancelled"), seconds, f"the end of {job}")
        return self.job(job)

    def items(self, job: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []

        def projected() -> bool:
            found[:] = self.get(f"/jobs/{job}/items?limit=500")["items"]
            return len(found) == min(500, self.job(job)["total"])

        eventually(projected, 30, "the items")
        return found

    def done_by(self) -> dict[str, int]:
        """Photos that each machine's worker has done so far."""
        return {host: worker["photos"] for host, worker in self.workers().items()}


def bank_photos(folder: Path, classes: slice = slice(0, FABRICS)) -> Path:
    for name in list(CLASSES)[classes]:
        for seed in range(SAMPLES):
            save_jpeg(folder / name / f"{seed}.jpg", render(name, seed, 160))
    return folder


@contextmanager
def running_site(folder: Path, shared_folder: bool = False) -> Iterator[Site]:
    """With pages, dispatcher and a bank, and no worker yet; `shared_folder`: storage on a share instead of S3."""
    with ExitStack() as stack:
        net = stack.enter_context(network(folder))
        ports, admins = {}, {}
        for name, rights, policy in (("ledger", LEDGER_RIGHTS, "noeviction"), ("cache", CACHE_RIGHTS, "allkeys-lru")):
            lines = (
                "appendonly " + ("yes" if name == "ledger" else "no"),
                "maxmemory 256mb",
                f"maxmemory-policy {policy}",
                f"user default on >{ADMIN} ~* &* +@all",
                f"user {USER} on >{PASSWORD} {rights}",
            )
            (folder / name).mkdir()
            port = stack.enter_context(server(folder / name, *lines))
            ports[name] = stack.enter_context(tls_before(port, folder / f"tls-{name}", HERE))
            admins[name] = redis.Redis(port=port, password=ADMIN)
        url = {
            name: f"rediss://{USER}:{PASSWORD}@{HERE}:{port}/0?ssl_ca_certs={cert}"
            for name, (port, cert) in ports.items()
        }
        share, mount = folder / "share", folder / "mount"
        for path in (share, mount, folder / "store"):
            path.mkdir()
        s3 = None if shared_folder else stack.enter_context(s3_server(folder, HERE))
        env = {
            "WEFT_REDIS_URL": url["ledger"],
            "WEFT_CACHE_REDIS_URL": url["cache"],
            "WEFT_STORAGE_URL": f"s3://{BUCKET}/weft" if s3 else f"file://{folder}/store",
            "WEFT_FOLDER_ROOTS": str(mount),
            "WEFT_ENGINE": "openvino",
            "WEFT_THREADS": "1",
            "WEFT_LEASE_SECONDS": str(LEASE),
            "WEFT_LANG": "en",
            **(s3.env if s3 else {}),
        }
        web = net.host("weft-web", {**env, "WEFT_API_KEY": KEY, "WEFT_PORT": "8000"})
        web.env["WEFT_HOST"] = web.address
        one, two = net.host("weft-one", dict(env)), net.host("weft-two", dict(env))
        for host in (web, one, two):
            host.mounts.append((share, mount))
        site = Site(net, web, one, two, s3, admins["ledger"], admins["cache"], share, mount)
        built = web.weft("bank", "build", bank_photos(folder / "bank"), timeout=600)
        assert built.returncode == 0, built.stdout + built.stderr
        web.start("web")
        web.start("dispatcher")
        stack.callback(web.stop)
        eventually(lambda: _answers(site), 120, f"the pages: {web.said()}")
        yield site


def _answers(site: Site) -> bool:
    with suppress(requests.RequestException):
        return site.http.get(f"{site.url}/healthz", timeout=5).ok
    return False
