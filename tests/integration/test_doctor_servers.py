"""`weft doctor` where Redis or the disk is the trouble: each is caused, and its cause and the next step are said."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doctor import findings, said
from tests.redis_servers import PASSWORD, USER, free_port, server, with_user


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    lines = (*with_user(), "appendonly yes", "maxmemory 128mb", "maxmemory-policy noeviction")
    with server(tmp_path_factory.mktemp("guarded"), *lines) as port:
        yield port


def test_nothing_is_wrong_with_a_good_one(guarded: int, tmp_path: Path) -> None:
    found = findings(tmp_path, redis_url=f"redis://{USER}:{PASSWORD}@127.0.0.1:{guarded}/0")
    assert "of 128 MB" in said(found, "redis", "ok")
    # But nobody works.
    assert "`weft worker`" in said(found, "workers", "broken")
    assert "`weft dispatcher`" in said(found, "dispatcher", "broken")


def test_a_wrong_address(tmp_path: Path) -> None:
    port = free_port()
    text = said(findings(tmp_path, redis_url=f"redis://127.0.0.1:{port}/0"), "redis", "broken")
    assert f"127.0.0.1:{port}" in text
    text = said(findings(tmp_path, redis_url="redis://no-such-host.invalid:6379/0"), "redis", "broken")
    assert "no-such-host.invalid" in text


@pytest.mark.parametrize("who", [f"nobody:{PASSWORD}", f"{USER}:wr0ng"], ids=["user", "password"])
def test_a_wrong_user_or_password(guarded: int, tmp_path: Path, who: str) -> None:
    text = said(findings(tmp_path, redis_url=f"redis://{who}@127.0.0.1:{guarded}/0"), "redis", "broken")
    assert f"127.0.0.1:{guarded}" in text
    assert "password" in text
    assert PASSWORD not in text
    assert "wr0ng" not in text


def _may_mount() -> bool:
    if sys.platform != "linux" or not shutil.which("unshare"):
        return False
    tried = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _may_mount(), reason="may not mount a file system of its own")
def test_a_full_disk(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    fill = f'mount -t tmpfs -o size=58m none {folder} && head -c 56000000 /dev/zero > {folder}/filler && exec "$0" "$@"'
    text = said(findings(folder, before=["unshare", "-rm", "sh", "-c", fill]), "data folder", "broken")
    assert "0.0 GB" in text
    assert "weft gc" in text
