"""The commands of docs/operations.md that encrypt a backup and bring it back, run as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.storage.local import LocalStorage
from tests.ledger_harness import LedgerHarness, sha
from tests.product import ROOT, WEFT

NAME, DATA = "p0", b"a customer's photo, in the clear"


@pytest.mark.skipif(shutil.which("restic") is None, reason="restic is not installed")
def test_the_documented_commands(settings: Settings, redis_pair: embedded.Pair, tmp_path: Path) -> None:
    LocalStorage(settings.data_dir).put(DATA, sha(NAME))
    job = LedgerHarness(Ledger.connect(settings)).submit(10)
    for _ in range(2):
        run(tmp_path, settings, "backup")
    repository = [path for path in (tmp_path / "repository").rglob("*") if path.is_file()]
    assert repository
    assert not any(DATA in path.read_bytes() for path in repository)
    shutil.rmtree(tmp_path / "backup")
    run(tmp_path, settings, "restore")
    restored = Settings(data_dir=tmp_path / "restored", engine="null")
    assert LocalStorage(restored.data_dir).read(sha(NAME)) == DATA
    with embedded.running(restored):
        assert Ledger.connect(restored).job(job.id).total == 10


def run(folder: Path, settings: Settings, which: str) -> None:
    """Runs the block below `<!-- run: … -->` with its places in `folder`."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    found = re.search(rf"<!-- run: {which} -->\n```sh\n(.*?)```", text, re.DOTALL)
    assert found is not None
    script = found[1]
    places = {"/mnt/elsewhere/weft": "repository", "/etc/weft/restic.password": "password"}
    places |= {"/var/backups/weft": "backup", "/var/lib/weft-restored": "restored"}
    for place, here in places.items():
        script = script.replace(place, str(folder / here))
    (folder / "password").write_text("a passphrase\n")
    script = f'set -e\nweft() {{ {shlex.join(WEFT)} "$@"; }}\n{script}'
    env = {**os.environ, "WEFT_DATA_DIR": str(settings.data_dir), "RESTIC_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(
        ["sh", "-c", script], env=env, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
