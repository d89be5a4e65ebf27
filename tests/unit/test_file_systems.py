"""Network shares are told from local disks by the table of mounts: of the former, nobody hears what others change."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.dispatcher.file_systems import tells_of_changes

TABLE = """\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
40 22 0:35 / {0}/nas rw,relatime shared:20 - {1} server:/export rw
41 22 0:36 / {0}/nas/disk rw,relatime - xfs /dev/sdb rw
42 22 0:37 / {0}/with\\040blank rw,relatime shared:22 - fuse.sshfs host:/ rw
43 22 0:38 / {0}/usb rw,relatime shared:23 - fuseblk /dev/sdc1 rw
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("nas/photos", "nas/disk/photos", "nas-copy", "with blank/photos", "usb"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "fuse.rclone", "9p", "virtiofs", "ceph"])
def test_a_share_does_not_tell(folder: Path, kind: str) -> None:
    mounts = folder / "mounts"
    mounts.write_text(TABLE.format(folder, kind))
    assert not tells_of_changes(str(folder / "nas" / "photos"), mounts)
    assert not tells_of_changes(str(folder / "with blank" / "photos"), mounts)
    assert tells_of_changes(str(folder / "nas" / "disk" / "photos"), mounts)
    assert tells_of_changes(str(folder / "nas-copy"), mounts)
    assert tells_of_changes(str(folder / "usb"), mounts)


def test_the_last_mount_at_a_place_counts(folder: Path) -> None:
    mounts = folder / "mounts"
    mounts.write_text(TABLE.format(folder, "nfs") + f"50 22 0:40 / {folder}/nas rw - ext4 /dev/sdd rw\n")
    assert tells_of_changes(str(folder / "nas" / "photos"), mounts)


def test_what_is_not_there_does_not_tell(folder: Path) -> None:
    assert not tells_of_changes(str(folder / "away"), folder / "none")
    assert tells_of_changes(str(folder / "usb"), folder / "none")
