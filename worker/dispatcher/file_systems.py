"""Which file systems tell of every change below a folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

#: Kinds whose files are changed on other machines, of which the system here never hears. FUSE: of sshfs, rclone and the
#: like; a desktop's folders in its containers come by 9p, virtiofs and FUSE, too.
_SHARED = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "gluster", "lustre", "fuse", "virtiofs", "vboxsf", "drvfs")
#: A FUSE that is a local disk.
_LOCAL = ("fuseblk",)
#: How the table writes blanks in names.
_ESCAPED = re.compile(r"\\([0-7]{3})")


def tells_of_changes(folder: str, mounts: Path = Path("/proc/self/mountinfo")) -> bool:
    """Whether the folder is there and lies on a file system of this machine. `mounts`: the table of all of them.

    Where there is no such table (macOS), every folder counts as local.
    """
    if not os.path.isdir(folder):
        return False
    try:
        table = mounts.read_text("utf-8", "surrogateescape")
    except OSError:
        return True
    kind, longest = "", -1
    for line in table.splitlines():
        # See proc(5): … root, mount point, options, optional fields, "-", kind of file system …
        before, _, after = line.partition(" - ")
        point = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), before.split(" ")[4])
        # The last of several mounts at one place hides the others.
        if _lies_below(folder, point) and len(point) >= longest:
            kind, longest = after.split(" ")[0], len(point)
    return kind in _LOCAL or not kind.startswith(_SHARED)


def _lies_below(path: str, point: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")
