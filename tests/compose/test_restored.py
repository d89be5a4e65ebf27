"""A backup of the containers, restored into empty volumes by the commands of docs/operations.md."""

from __future__ import annotations

import os
from pathlib import Path

from tests.compose.site import Site


def test_the_documented_commands_bring_everything_back(site: Site, tmp_path: Path) -> None:
    before = site.all_results()
    assert sum(map(len, before.values()))
    backup = tmp_path / "weft-backup"
    backup.mkdir()
    os.chown(backup, 1000, 1000)
    # Folders of pytest are their owner's alone.
    for above in (tmp_path, *tmp_path.parents[:2]):
        above.chmod(0o755)
    moment = f"moment-{site.version}"
    with site.timed("backup"):
        site.documented("compose backup", **{"/srv/weft-backup": str(backup)})
    site.run("down", "--volumes")
    with site.timed("restored, to two warm workers"):
        site.documented("compose restore", **{"/srv/weft-backup": str(backup), "weft-moment": moment})
        site.up(2)
        site.await_workers(2)
    assert site.all_results() == before
    job = site.submit("later")
    with site.timed("200 photos after the restore"):
        site.await_end(job)
    site.check_whole(job, 200)
