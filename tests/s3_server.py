"""A real server that speaks S3 (moto's), in a process of its own, behind a way that can be cut."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import s3fs

from tests.faults.proxy import Proxy
from tests.product import eventually, free_port

BUCKET = "swatches"
#: Whatever they are, moto takes them; without any, the client would not even ask.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "weft", "AWS_SECRET_ACCESS_KEY": "not-a-secret", "AWS_DEFAULT_REGION": "eu-west-1"}


@dataclass
class S3Server:
    """`env`: what a process needs to find it."""

    direct: str
    way: Proxy
    host: str = "127.0.0.1"

    @property
    def env(self) -> dict[str, str]:
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": f"http://{self.host}:{self.way.port}"}

    def objects(self, prefix: str = "") -> list[str]:
        """Keys in the bucket, asked without Weft."""
        answer = requests.get(f"{self.direct}/{BUCKET}?list-type=2&prefix={prefix}&max-keys=1000", timeout=20)
        return [part.split("</Key>")[0] for part in answer.text.split("<Key>")[1:]]

    def buckets(self) -> list[str]:
        answer = requests.get(self.direct, timeout=20)
        return [part.split("</Name>")[0] for part in answer.text.split("<Name>")[1:]]


@contextmanager
def s3_here(folder: Path) -> Iterator[S3Server]:
    """`s3_server`, which this process and its children find by their environment."""
    with s3_server(folder) as started, pytest.MonkeyPatch.context() as patch:
        for name, value in started.env.items():
            patch.setenv(name, value)
        yield started


@contextmanager
def s3_server(folder: Path, host: str = "127.0.0.1") -> Iterator[S3Server]:
    """With one empty bucket, `BUCKET`; `host`: the address that it is reached at."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "s3.log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **CREDENTIALS}, stdout=log, stderr=log)
    direct = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, (folder / "s3.log").read_text()
        with suppress(requests.RequestException):
            return requests.put(f"{direct}/{BUCKET}", timeout=5).status_code == 200
        return False

    way = Proxy(("127.0.0.1", port), host)
    # It keeps file systems by their arguments, and where this server is stands in the environment.
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        eventually(answers, 60, "the S3 server")
        yield S3Server(direct, way, host)
    finally:
        way.close()
        process.send_signal(signal.SIGKILL)
        process.wait()
