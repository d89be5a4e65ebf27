"""What Weft keeps is for its own user: the data folder, and every file that commands and processes write there."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from scripts.cli.diagnostics import examine
from shared.core.private_files import make_data_dir
from shared.core.settings import Settings
from tests.bank_api import finished, submit_photos
from tests.product import ROOT, WEFT, Product


def open_paths(folder: Path) -> list[str]:
    """What other users could reach: open to them, below folders that are."""
    if not stat.S_IMODE(folder.stat().st_mode) & 0o077:
        return []
    found = []
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            found += open_paths(path)
        elif stat.S_IMODE(path.lstat().st_mode) & 0o077 and not path.is_symlink():
            found.append(str(path))
    return [*found, str(folder)]


def test_a_running_product_keeps_everything_to_itself(product: Product) -> None:
    finished(product, submit_photos(product, "private", 3))
    assert product.weft("jobs").returncode == 0
    data = product.settings.data_dir
    assert open_paths(data) == []
    # Not only the folder above them is closed.
    for name in ("banks", "jobs", "run", "redis"):
        assert open_paths(data / name) == []


def test_an_existing_folder_keeps_its_mode_but_not_its_content(settings: Settings) -> None:
    data = settings.data_dir
    for name in ("blobs", "jobs", "photos"):
        (data / name).mkdir(parents=True)
        (data / name).chmod(0o755)
    data.chmod(0o755)
    make_data_dir(data)
    modes = {name: stat.S_IMODE((data / name).stat().st_mode) for name in ("blobs", "jobs", "photos", ".")}
    # Others may drop photos into theirs.
    assert modes == {"blobs": 0o700, "jobs": 0o700, "photos": 0o755, ".": 0o755}
    assert any(finding.state == "note" and "chmod 700" in finding.text for finding in examine(settings))
    data.chmod(0o700)
    assert not any("chmod 700" in finding.text for finding in examine(settings))


def test_commands_write_the_data_folder_for_this_user_and_exports_for_all(product: Product, tmp_path: Path) -> None:
    env = {**os.environ, "WEFT_ENGINE": "null"}
    made = subprocess.run(
        [*WEFT, "key", "add", "looms", "--data-dir", str(tmp_path / "new")], env=env, cwd=ROOT, umask=0o022, check=False
    )
    assert made.returncode == 0
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "keys.json").stat().st_mode) == 0o600
    job = finished(product, submit_photos(product, "exported", 2))
    subprocess.run(
        [sys.executable, "-m", "scripts.cli", "export", job["id"], "--format", "csv", "-o", tmp_path / "a.csv"],
        env=product.env,
        cwd=ROOT,
        umask=0o022,
        check=True,
    )
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o644
