"""What a collection is: its folders, its rules, how its runs are classified, and when they begin."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from shared.collections.prefixes import checked_prefix, common, is_inside
from shared.collections.schedule import Schedule
from shared.core.documents import Document
from shared.core.errors import InvalidRequest
from shared.core.names import path_name
from shared.jobs.intake.folders import FolderNotAllowed, is_below, real_folder
from shared.jobs.model import Priority
from shared.jobs.splitting import Split
from shared.photos.formats import is_photo_name
from shared.storage.buckets import is_bucket

#: Folders of one collection, patterns of one rule, and characters of one of them.
MAX_FOLDERS, MAX_PATTERNS, MAX_PATTERN = 100, 100, 200


class Rules(Document):
    """Which files below the folders count."""

    #: Only files that one of these fits; empty: all. A pattern without `/` fits the name of a file or of a folder above
    #: it, one with `/` the path below the collection's folder; `*` and `?` as in a shell, case ignored.
    include: tuple[str, ...] = ()
    #: No files that one of these fits.
    exclude: tuple[str, ...] = ()
    #: Levels of folders below each folder; 0: only the folder itself; None: all.
    depth: int | None = None
    #: Also files and folders whose names begin with a dot.
    hidden: bool = False
    #: Also what links to folders lead to, as long as it lies inside an allowed folder.
    links: bool = False
    #: Only these endings, without a dot (`jpg`); empty: every kind of photo.
    formats: tuple[str, ...] = ()
    #: The folder that a photo lies in names its true class: exports say it beside the answer.
    truth: bool = False
    #: What of each photo becomes a photo of its own; None: the photo.
    split: Split | None = None


class Collection(Document):
    """One collection; ids never change and are never used again."""

    id: str
    name: str
    #: Real paths on the server, or prefixes of a bucket (`s3://BUCKET/PREFIX`). Runs submit them as one job, so they
    #: lie below one allowed folder.
    folders: tuple[str, ...]
    rules: Rules = Field(default_factory=Rules)
    #: None: the default of folder jobs.
    preset: str | None = None
    #: Id of a bank; None: the default bank. Each run uses the version that is active then.
    bank: str | None = None
    priority: Priority = Priority.NORMAL
    schedule: Schedule | None = None
    #: The hours in which its jobs work, a text of `shared.core.window`; None: always.
    window: str | None = None
    #: The time of day by which a run should be done, `07:00` or `07:00 Asia/Shanghai`: the first one after its start.
    by: str | None = None
    #: When the schedule was set, in seconds since the epoch: what was due before is not caught up.
    scheduled: float = 0.0
    #: A run begins by itself when photos have arrived.
    watch: bool = False
    created: float = 0.0
    #: Who made it; its jobs belong to them.
    owner: str | None = None

    @property
    def parent(self) -> str:
        """The folder of its jobs: its only folder, or the one that holds all of them."""
        return common(self.folders) if self.in_bucket else os.path.commonpath(self.folders)

    @property
    def in_bucket(self) -> bool:
        """Whether its folders are prefixes of a bucket."""
        return is_bucket(self.folders[0])


def checked_folders(wished: Sequence[str], roots: Sequence[Path], buckets: Sequence[str] = ()) -> tuple[str, ...]:
    """The real paths of a collection's folders, or its prefixes of a bucket, without those that lie inside another one.

    Raises FolderNotAllowed, InvalidRequest (`collection_no_folder`, `collection_folders_apart`, `folder_missing`,
    `collection_prefix`).
    """
    found: list[str] = []
    for text in filter(None, (one.strip() for one in wished)):
        if "\0" in text:
            raise FolderNotAllowed(path=path_name(text))
        found.append(checked_prefix(text, buckets) if is_bucket(text) else real_folder(text, roots))
    outer = [one for one in dict.fromkeys(found) if not any(_inside(one, other) for other in found)]
    if not outer or len(outer) > MAX_FOLDERS:
        raise InvalidRequest("collection_no_folder", limit=MAX_FOLDERS)
    in_buckets = [is_bucket(one) for one in outer]
    if all(in_buckets):
        together = is_inside(common(outer), buckets)
    else:
        together = not any(in_buckets) and is_below(os.path.commonpath(outer), roots)
    if not together:
        raise InvalidRequest("collection_folders_apart")
    return tuple(outer)


def checked_rules(rules: Rules) -> Rules:
    """The same without what says nothing. Raises InvalidRequest for an ending that no photo has, or too long a list."""
    include, exclude = (_patterns(patterns) for patterns in (rules.include, rules.exclude))
    formats = tuple(dict.fromkeys(one.strip().lower().lstrip(".") for one in rules.formats if one.strip()))
    for ending in formats:
        if not is_photo_name(f"a.{ending}"):
            raise InvalidRequest("collection_unknown_format", format=ending)
    if rules.depth is not None and not 0 <= rules.depth <= 1000:
        raise InvalidRequest("collection_depth")
    return rules.model_copy(update={"include": include, "exclude": exclude, "formats": formats})


def _patterns(given: Sequence[str]) -> tuple[str, ...]:
    patterns = tuple(dict.fromkeys(one.strip() for one in given if one.strip()))
    if len(patterns) > MAX_PATTERNS or any(len(one) > MAX_PATTERN for one in patterns):
        raise InvalidRequest("collection_patterns", count=MAX_PATTERNS, length=MAX_PATTERN)
    return patterns


def _inside(path: str, other: str) -> bool:
    return path != other and path.startswith(other.rstrip("/") + "/")
