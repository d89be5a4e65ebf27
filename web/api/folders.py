"""Folders of the server that jobs may read."""

from __future__ import annotations

from typing import Annotated

from apiflask import APIBlueprint
from pydantic import BaseModel, ConfigDict, StringConstraints

from shared.jobs.intake.folder_listing import FolderListing, listing
from web.context import services

bp = APIBlueprint("folders", __name__, tag="Jobs")


class FolderQuery(BaseModel):
    #: Absolute; without it, the allowed folders.
    path: Annotated[str, StringConstraints(max_length=4096)] = ""


class FolderOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str
    path: str


class FolderListingOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    path: str | None
    #: The folder above, where that is allowed, too.
    parent: str | None
    folders: list[FolderOut]
    #: Photos in the folder itself, not in those below it.
    photos: int
    #: There is more than is told.
    more: bool


@bp.get("/folders")
@bp.input(FolderQuery, location="query", arg_name="query")
@bp.output(FolderListingOut)
def index(query: FolderQuery) -> FolderListing:
    """What a folder of the server holds, among those that jobs may read."""
    return listing(query.path, services().settings.roots)
