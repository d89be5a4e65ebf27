"""Ctrl-C ends the waiting for a job and not the job, and says so; a bank without a version is named."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.product import ROOT, WEFT, Product, make_photos, run_product


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with run_product(tmp_path_factory.mktemp("interrupted")) as running:
        yield running


def test_the_job_continues_and_is_named(product: Product, tmp_path: Path) -> None:
    tomorrow = (datetime.now() + timedelta(days=1)).isoformat(timespec="minutes")
    sent = product.weft("submit", make_photos(tmp_path, 1, 1), "--at", tomorrow, "--json", timeout=120)
    assert sent.returncode == 0, sent.stderr
    job = json.loads(sent.stdout)["id"]
    line = [*WEFT, "watch", job, "--lines"]
    with subprocess.Popen(line, cwd=ROOT, env=product.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watching:
        assert watching.stdout
        assert watching.stderr
        assert json.loads(watching.stdout.readline())["job"]["state"] == "scheduled"
        watching.send_signal(signal.SIGINT)
        told = watching.stderr.read().decode()
    assert watching.returncode == 130
    assert f"`weft cancel {job}`" in told
    assert json.loads(product.weft("jobs", "--json").stdout)["jobs"][0]["state"] == "scheduled"


def test_a_bank_without_a_version_is_named(product: Product, tmp_path: Path) -> None:
    assert product.weft("bank", "new", "Leather 2027").returncode == 0
    refused = product.weft("submit", make_photos(tmp_path, 1, 1), "--bank", "Leather 2027")
    assert refused.returncode == 1
    assert "“Leather 2027” has no active version" in refused.stderr
