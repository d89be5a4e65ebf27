"""The active bank: its classes, their samples and pictures."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response, abort, url_for

from shared.core.errors import NotFound
from web.api.items import picture
from web.context import services
from web.schemas import BankOut, ClassOut, file_response

bp = APIBlueprint("bank", __name__, tag="Bank")


@bp.get("/bank")
@bp.output(BankOut)
def bank() -> dict[str, Any]:
    """The active bank."""
    return overview(services().manifest())


@bp.get("/bank/classes/<path:label>")
@bp.output(ClassOut)
def one_class(label: str) -> dict[str, Any]:
    """One class and its samples."""
    return find_class(label)


@bp.get("/bank/versions/<version>/samples/<sample_id>")
@bp.doc(responses=file_response("A JPEG, 240 pixels", "image/jpeg"))
def sample_picture(version: str, sample_id: str) -> Response:
    """A sample's picture."""
    jpeg = services().banks.sample_picture(version, sample_id)
    if jpeg is None:
        abort(404)
    return picture(jpeg)


def find_class(label: str, unused: bool = False) -> dict[str, Any]:
    """A class of the active bank with all its samples; raises `NotFound`, `BankError`.

    `label` may be any name of the class. `unused`: also a class whose samples were all set aside.
    """
    version = services().manifest()["version"]
    label = services().class_names().resolve(label) or label
    for found in services().banks.classes(version):
        if found["label"] == label:
            return {**found, "samples": [sample(version, row) for row in found["samples"]]}
    for entry in services().manifest().get("unused_classes", ()) if unused else ():
        if entry["label"] == label:
            return {**entry, "count": 0, "samples": []}
    raise NotFound(what=label)


def overview(manifest: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": manifest["version"],
        "name": manifest["name"],
        "created": manifest["created"],
        "model": manifest["model"],
        "trained": trained(manifest),
        "counts": manifest["counts"],
        "warnings": manifest.get("warnings", []),
        "classes": manifest["classes"],
    }


def trained(manifest: dict[str, Any]) -> bool:
    """Whether the bank's vectors show what is in a photo; those derived from hashes do not."""
    return bool(manifest.get("encoder", {}).get("trained", True))


def sample(version: str, row: dict[str, Any]) -> dict[str, Any]:
    address = url_for("bank.sample_picture", version=version, sample_id=row["id"]) if row.get("thumb") else None
    return {"id": row["id"], "name": row["name"], "picture": address}
