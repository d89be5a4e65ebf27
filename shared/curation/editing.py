"""Makes the versions that `edits` ask for, and banks of uploaded class folders and NPZ files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.bank.manifest import DEMO_NAME, NAMES_NAME, Origin
from shared.bank.store import BankStore
from shared.core.settings import Settings, cores
from shared.curation import uploads
from shared.curation.build import Photo, build_from
from shared.curation.derive import Change, derive
from shared.curation.edits import Edit
from shared.curation.legacy import import_legacy
from shared.curation.task_model import EditArguments, NewBankArguments
from shared.curation.writer import Progress, silent

if TYPE_CHECKING:
    from shared.encoder import Encoder


def apply_edit(settings: Settings, asked: EditArguments, progress: Progress = silent, by: str | None = None) -> str:
    """Makes the version of a task. Raises as `derive`, and NotFound for an upload that is gone, ModelError."""
    return edit_bank(settings, asked.version, asked.edit, uploaded(settings, asked.upload), progress, by)


def edit_bank(
    settings: Settings,
    version: str,
    edit: Edit,
    photos: Sequence[Photo] = (),
    progress: Progress = silent,
    by: str | None = None,
) -> str:
    """Makes a version from `version` with the edit and these photos; not yet published. Raises as `derive`, ModelError.

    A bank that Weft built itself becomes the user's own by it: `weft up` replaces it no more.
    """
    change = Change(classes=edit.classes, move=edit.move, remove=edit.remove, photos=photos)
    origin = Origin.PHOTOS if photos else Origin.EDIT
    own_name = BankStore(settings).manifest(version).name
    name = "" if own_name in (DEMO_NAME, NAMES_NAME) else None
    if not photos:
        return derive(settings, version, change, name=name, origin=origin, progress=progress, by=by)
    with _encoder(settings) as encoder:
        return derive(settings, version, change, encoder=encoder, name=name, origin=origin, progress=progress, by=by)


def make_bank(settings: Settings, asked: NewBankArguments, progress: Progress = silent, by: str | None = None) -> str:
    """Makes a bank of an upload alone; not yet published. Raises as `build_from`, `import_legacy`, NotFound."""
    index = uploads.read(settings, asked.upload)
    if not index.classes:
        # One file, an NPZ.
        file = uploads.folder(settings, asked.upload) / index.photos[0].file
        return import_legacy(
            file,
            settings,
            asked.model,
            name=asked.name,
            progress=progress,
            by=by,
            shown=index.photos[0].name,
            bank=asked.bank,
        )
    with _encoder(settings) as encoder:
        photos = uploaded(settings, asked.upload)
        return build_from(index.classes, photos, encoder, settings, progress, name=asked.name, by=by, bank=asked.bank)


def uploaded(settings: Settings, upload: str | None) -> list[Photo]:
    """The photos of an upload. Raises NotFound."""
    if upload is None:
        return []
    here = uploads.folder(settings, upload)
    return [Photo(row.label, row.name, here / row.file) for row in uploads.read(settings, upload).photos]


@contextmanager
def _encoder(settings: Settings) -> Iterator[Encoder]:
    from shared.encoder import load_encoder

    encoder = load_encoder(settings, threads=settings.threads or cores())
    try:
        yield encoder
    finally:
        encoder.close()
