"""The active bank: its classes, their samples and pictures."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response, abort, url_for

from shared.bank.manifest import ClassEntry, Manifest
from shared.bank.samples import Sample
from shared.core.errors import NotFound
from shared.curation.edits import known_classes
from web.api.items import picture
from web.bank_choice import bank_store, words_of
from web.bank_schemas import BankQuery
from web.context import services
from web.schemas import BankOut, ClassOut, ClassParentOut, PictureQuery, SampleOut, file_response

bp = APIBlueprint("bank", __name__, tag="Bank")


@bp.get("/bank")
@bp.input(BankQuery, location="query", arg_name="query")
@bp.output(BankOut)
def bank(query: BankQuery) -> BankOut:
    """The active version of a bank, or the version asked for."""
    return overview(bank_store().manifest(query.version))


@bp.get("/bank/classes/<path:label>")
@bp.input(BankQuery, location="query", arg_name="query")
@bp.output(ClassOut)
def one_class(label: str, query: BankQuery) -> ClassOut:
    """One class and its samples."""
    return find_class(label, version=query.version)


@bp.get("/bank/versions/<version>/samples/<sample_id>")
@bp.input(PictureQuery, location="query", arg_name="query")
@bp.doc(responses=file_response("A JPEG, 240 pixels; with `large` 1,024 where the bank has it", "image/jpeg"))
def sample_picture(version: str, sample_id: str, query: PictureQuery) -> Response:
    """A sample's picture."""
    jpeg = services().banks.sample_picture(version, sample_id, query.large)
    if jpeg is None:
        abort(404)
    return picture(jpeg)


def find_class(label: str, unused: bool = False, version: str | None = None) -> ClassOut:
    """A class of a version (None: the active one of the request's bank) with all its samples.

    `label` may be any name of the class. `unused`: also a class without samples, and one that was removed.
    Raises NotFound, BankError.
    """
    manifest = bank_store().manifest(version)
    version = manifest.version
    label = known_classes(manifest).resolve(label) or label
    for found in services().banks.classes(version):
        if found.entry.label == label:
            return class_shown(found.entry, [sample(version, row) for row in found.samples])
    for entry in (*manifest.unused_classes, *manifest.removed_classes) if unused else ():
        if entry.label == label:
            return class_shown(entry, [])
    raise NotFound(what=label)


def overview(manifest: Manifest) -> BankOut:
    return BankOut(
        bank=manifest.bank,
        bank_name=words_of(manifest.bank),
        version=manifest.version,
        name=manifest.name,
        created=manifest.created,
        model=manifest.model,
        trained=manifest.encoder.trained,
        counts=manifest.counts.to_json(),
        warnings=[warning.to_json() for warning in manifest.warnings],
        classes=[class_shown(entry) for entry in manifest.classes],
    )


def class_shown(entry: ClassEntry, samples: list[SampleOut] | None = None) -> ClassOut:
    """A class; `samples` None: not asked for."""
    return ClassOut(
        label=entry.label,
        zh=entry.zh,
        en=entry.en,
        aliases=entry.aliases,
        notes=entry.notes,
        parent=ClassParentOut(**entry.parent.model_dump()) if entry.parent else None,
        count=entry.count,
        samples=samples,
    )


def sample(version: str, row: Sample) -> SampleOut:
    address = url_for("bank.sample_picture", version=version, sample_id=row.id) if row.thumb else None
    return SampleOut(id=row.id, name=row.name, picture=address)
