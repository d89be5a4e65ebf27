"""Photos and files that people sent for a bank, on their way to the task that uses them. No numpy here.

<data_dir>/bank-uploads/<id>/index.json   which file is which photo of which class
<data_dir>/bank-uploads/<id>/<n>          the files
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import Field

from shared.bank.manifest import ClassEntry
from shared.core.documents import Document, parse_json
from shared.core.errors import NotFound
from shared.core.files import disk_errors
from shared.core.settings import Settings
from shared.jobs.intake.sources import Uploaded

_ID = re.compile(r"[0-9a-f]{16}")
#: Seconds after which an upload whose task never came is removed.
_FORGOTTEN = 86400.0


class BankPhoto(Document):
    """A file of the upload: photo `name` of the class `label`."""

    label: str
    name: str
    file: str


class Index(Document):
    """What an upload holds."""

    photos: list[BankPhoto] = Field(default_factory=list)
    #: New classes, and for a whole bank all of them.
    classes: list[ClassEntry] = Field(default_factory=list)


def folder(settings: Settings, upload: str) -> Path:
    """Raises NotFound."""
    found = settings.data_dir / "bank-uploads" / upload
    if not _ID.fullmatch(upload) or not found.is_dir():
        raise NotFound(what=f"upload {upload}")
    return found


def keep(settings: Settings, files: Sequence[tuple[str, str, Uploaded]], classes: Sequence[ClassEntry] = ()) -> str:
    """Takes (label, name, file) out of the spool and returns the upload's id. Raises Unavailable("disk_full")."""
    root = settings.data_dir / "bank-uploads"
    with disk_errors():
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in root.iterdir():
            with suppress(FileNotFoundError):
                if old.stat().st_mtime < time.time() - _FORGOTTEN:
                    shutil.rmtree(old, ignore_errors=True)
        upload = secrets.token_hex(8)
        target = root / upload
        target.mkdir(mode=0o700)
        photos = []
        for number, (label, name, sent) in enumerate(files):
            shutil.move(sent.path, target / str(number))
            sent.spooled.path = None
            photos.append(BankPhoto(label=label, name=name, file=str(number)))
        index = Index(photos=photos, classes=list(classes))
        (target / "index.json").write_text(json.dumps(index.to_json(), ensure_ascii=False), encoding="utf-8")
    return upload


def read(settings: Settings, upload: str) -> Index:
    """Raises NotFound."""
    return Index.from_json(parse_json((folder(settings, upload) / "index.json").read_text("utf-8")))


def drop(settings: Settings, upload: str) -> None:
    """Removes it; one that is gone already is no error."""
    with suppress(NotFound):
        shutil.rmtree(folder(settings, upload), ignore_errors=True)
