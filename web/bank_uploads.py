"""Photos, class folders and NPZ files sent for a bank: what pages and API share. The files go on to a bank task."""

from __future__ import annotations

from typing import TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from shared.bank.manifest import ClassEntry
from shared.core.errors import BankError, InvalidRequest
from shared.core.names import display_name
from shared.core.names import label as label_of
from shared.curation import edits, uploads
from shared.curation.folder import ALIAS_FILES, LABEL_FILES, Names, read_aliases, read_labels, refuse_clashes
from shared.curation.task_model import Arguments, EditArguments, NewBankArguments, Task, TaskKind
from shared.jobs.intake.sources import Uploaded
from shared.photos.formats import is_photo_name
from web.bank_choice import bank_store
from web.bank_work import begin, edited, start
from web.bank_work_schemas import BuildForm, ImportForm, NameClass, PhotosForm
from web.context import services
from web.uploads import uploaded

F = TypeVar("F", bound=BaseModel)


def add_photos() -> Task:
    """Starts putting the request's photos into a class, into a new one where `label` is left out, or a first bank.

    Raises InvalidRequest (`no_photos`, `class_*`, `label_*`), NotFound, Conflict("bank_busy"), Unavailable.
    """
    form = _fields(PhotosForm)
    sent = uploaded("files")
    photos = [file for file in sent if is_photo_name(file.name)]
    if form.label is None and not sent:
        # A class may come before its photos.
        return begin(NameClass(kind="class", **form.model_dump(exclude={"label"}, exclude_unset=True)))
    if not photos:
        raise InvalidRequest("no_photos")
    banks = bank_store()
    try:
        version = edited()
    except BankError as error:
        if error.code != "no_bank":
            raise
        entry = edits.new_class(None, form.wish if form.label is None else edits.ClassWish(en=form.label))
        return _kept(TaskKind.BUILD, [(entry.label, photo) for photo in photos], [entry])
    manifest = banks.manifest(version)
    entry = edits.new_class(manifest, form.wish) if form.label is None else edits.find(manifest, form.label)
    edit = edits.Edit(classes=[entry] if form.label is None else [])
    return _kept(TaskKind.PHOTOS, [(entry.label, photo) for photo in photos], [], version, edit)


def build() -> Task:
    """Starts a new bank of the request's class folders; the files' names hold their folders.

    Raises InvalidRequest (`folder_empty`, `photo_outside_class`, `class_clash`, `label_*`), Conflict, Unavailable.
    """
    form = _fields(BuildForm)
    sent = [(display_name(file.name).split("/"), file) for file in uploaded("files")]
    sent = [(parts, file) for parts, file in sent if not any(part.startswith(".") for part in parts)]
    photos = [(parts, file) for parts, file in sent if is_photo_name(parts[-1])]
    if not photos:
        raise InvalidRequest("folder_empty")
    # A folder of class folders, whose own name comes first; or class folders as they are.
    outer = len({parts[0] for parts, _ in photos}) == 1 and any(len(parts) > 2 for parts, _ in photos)
    top = 1 if outer else 0
    stray = next((parts[-1] for parts, _ in photos if len(parts) < top + 2), None)
    if stray is not None:
        raise InvalidRequest("photo_outside_class", name=stray)
    rows = [(label_of(parts[top]), "/".join(parts[top:]), file) for parts, file in photos]
    labels = sorted({label for label, _, _ in rows})
    refuse_clashes(labels)
    names = _names({parts[-1]: file for parts, file in sent if len(parts) == top + 1})
    upload = uploads.keep(services().settings, rows, [names.of(label) for label in labels])
    return _begun(TaskKind.BUILD, NewBankArguments(upload=upload, name=form.name, bank=bank_store().bank), upload)


def import_bank() -> Task:
    """Starts importing the request's NPZ. Raises InvalidRequest("legacy_missing"), Conflict, Unavailable."""
    form = _fields(ImportForm)
    files = uploaded("file")[:1]
    if not files:
        raise InvalidRequest("legacy_missing")
    upload = uploads.keep(services().settings, [("", display_name(files[0].name), files[0])])
    asked = NewBankArguments(upload=upload, name=form.name, model=form.model or None, bank=bank_store().bank)
    return _begun(TaskKind.IMPORT, asked, upload)


def _names(files: dict[str, Uploaded]) -> Names:
    """Names from the JSON files beside the class folders, as `weft bank build` reads them. Raises InvalidRequest."""
    found = Names()
    for candidates, into in ((LABEL_FILES, "labels"), (ALIAS_FILES, "aliases")):
        file = next((files[name] for name in candidates if name in files), None)
        if file is not None and into == "labels":
            found.labels = read_labels(file.path)
        elif file is not None:
            found.aliases = read_aliases(file.path)
    return found


def _kept(
    kind: TaskKind,
    photos: list[tuple[str, Uploaded]],
    classes: list[ClassEntry],
    version: str = "",
    edit: edits.Edit | None = None,
) -> Task:
    rows = [(label, f"{label}/{display_name(file.name).split('/')[-1]}", file) for label, file in photos]
    upload = uploads.keep(services().settings, rows, classes)
    arguments: Arguments
    if edit is None:
        arguments = NewBankArguments(upload=upload, name="", bank=bank_store().bank)
    else:
        arguments = EditArguments(version=version, edit=edit, label=rows[0][0], upload=upload)
    return _begun(kind, arguments, upload)


def _begun(kind: TaskKind, arguments: Arguments, upload: str) -> Task:
    try:
        return start(kind, arguments)
    except BaseException:
        uploads.drop(services().settings, upload)
        raise


def _fields(form: type[F]) -> F:
    """The text fields of the form at hand; empty ones count as left out. Raises InvalidRequest."""
    given = {name: value for name, value in request.form.items() if value.strip() and name != "csrf"}
    try:
        return form.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidRequest(reason=f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
