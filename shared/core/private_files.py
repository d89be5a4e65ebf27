"""The data folder is this user's own: photos, results and banks are not for everybody who has a login here."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

#: What Weft alone writes, below the data folder. `photos` is not among them: others may drop photos there.
PRIVATE = ("banks", "bank-tasks", "blobs", "jobs", "models", "redis", "run", "spool", "thumbs", "weights")
_OTHERS = 0o077


def make_data_dir(data_dir: Path) -> None:
    """Makes the data folder for this user alone. An existing one keeps its mode, but not what Weft keeps in it."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in PRIVATE:
        folder = data_dir / name
        # Not this user's, or on a file system without modes.
        with suppress(OSError):
            mode = folder.stat().st_mode
            if mode & _OTHERS and not folder.is_symlink() and folder.stat().st_uid == os.getuid():
                folder.chmod(mode & 0o777 & ~_OTHERS)


def open_to_others(data_dir: Path) -> bool:
    """Whether other users of this machine may look into the data folder."""
    with suppress(OSError):
        return bool(data_dir.stat().st_mode & _OTHERS)
    return False
