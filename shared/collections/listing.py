"""Lists a collection's folders by its rules, as quickly as the file system tells names, sizes and times."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import translate
from pathlib import Path
from typing import NamedTuple

from shared.collections.collection import Rules
from shared.core.errors import Conflict
from shared.core.names import path_name
from shared.jobs.intake.folders import SHARE_ERRORS, holds_something, is_below, is_folder
from shared.photos import clutter
from shared.photos.formats import is_photo_name
from shared.storage.buckets import Prefix

#: Hidden things that are never photos of people.
_NEVER = (".trash", ".@__thumb", ".thumbnails", ".spotlight-", ".fseventsd", ".ds_store", "._")


class FolderGone(Conflict):
    """A folder of the collection cannot be read, or is empty though it held files: most likely its share is away."""

    code = "collection_folder_gone"


class Found(NamedTuple):
    """A file that counts."""

    path: str
    size: int
    #: Nanoseconds since the epoch.
    mtime: int


class Listing:
    """One look at the folders."""

    def __init__(self, rules: Rules, roots: Sequence[Path]) -> None:
        self._roots = roots
        self._rules = rules
        self._include, self._exclude = ([_Pattern(one) for one in some] for some in (rules.include, rules.exclude))
        self._endings = tuple(f".{ending}" for ending in rules.formats)
        #: Files that do not count, by kind; and `excluded` ones.
        self.left_out: Counter[str] = Counter()
        self.excluded = 0
        #: Folders that could not be read.
        self.unreadable: list[str] = []
        #: Names that differ from another one of their folder only in upper and lower case or in Unicode form.
        self.variants = 0

    def below(self, folder: str) -> Iterator[Found]:
        """Every file that counts, in no certain order. Raises FolderGone where the folder goes away meanwhile."""
        #: (folder, its path from `folder` on, levels below it); links come last, and a real folder counts once.
        waiting, links = [(folder, "", 0)], list[tuple[str, str, int]]()
        walked = set[str]()
        while waiting or links:
            path, prefix, level = waiting.pop() if waiting else links.pop()
            if self._rules.links:
                # Links may lead in circles.
                real = os.path.realpath(path)
                if real in walked or not is_below(real, self._roots):
                    continue
                walked.add(real)
            seen: set[int] = set()
            try:
                with os.scandir(path) as entries:
                    for entry in entries:
                        name = prefix + entry.name
                        linked = self._rules.links and _is_link_to_folder(entry)
                        if linked or is_folder(entry):
                            if self._enters(entry.name, level):
                                (links if linked else waiting).append((entry.path, f"{name}/", level + 1))
                        elif self._counts(name, entry.name) and (found := _found(entry)) is not None:
                            self._note_variant(entry.name, seen)
                            yield found
            except OSError as error:
                if error.errno in SHARE_ERRORS or not holds_something(folder):
                    raise FolderGone(path=path_name(folder)) from error
                self.unreadable.append(path)

    def in_bucket(self, prefix: str) -> Iterator[Found]:
        """Every object below `s3://BUCKET/PREFIX` that counts. Raises as `Prefix` does."""
        for one in Prefix(prefix).objects():
            *above, name = one.name.split("/")
            entered = all(self._enters(folder, level) for level, folder in enumerate(above))
            if entered and self._counts(one.name, name):
                yield Found(f"{prefix}/{one.name}", one.size, one.changed)

    def _enters(self, name: str, level: int) -> bool:
        if self._rules.depth is not None and level >= self._rules.depth:
            return False
        return self._visible(name)

    def _visible(self, name: str) -> bool:
        if not clutter.is_system(name):
            return True
        return self._rules.hidden and name.startswith(".") and not name.lower().startswith(_NEVER)

    def _counts(self, path: str, name: str) -> bool:
        if not self._visible(name):
            clutter.count(self.left_out, clutter.SYSTEM)
            return False
        if not is_photo_name(name):
            clutter.count(self.left_out, clutter.left_out_kind(name) or clutter.NO_ENDING)
            return False
        chosen = not self._endings or name.lower().endswith(self._endings)
        chosen = chosen and (not self._include or any(one.fits(path) for one in self._include))
        if chosen and not any(one.fits(path) for one in self._exclude):
            return True
        self.excluded += 1
        return False

    def _note_variant(self, name: str, seen: set[int]) -> None:
        # Of a million names in one folder, their hashes take a third of the memory.
        key = hash(folded(name))
        if key in seen:
            self.variants += 1
        seen.add(key)


class _Pattern:
    """A pattern of `Rules`."""

    def __init__(self, text: str) -> None:
        folder = text.endswith("/")
        self._whole = "/" in text.rstrip("/")
        wanted = text.strip("/") + ("/*" if folder and self._whole else "")
        self._folders_only = folder
        self._fits = re.compile(translate(folded(wanted))).match

    def fits(self, path: str) -> bool:
        """`path`: from the collection's folder on."""
        name = folded(path)
        if self._whole:
            return self._fits(name) is not None
        parts = name.split("/")
        return any(self._fits(part) for part in (parts[:-1] if self._folders_only else parts))


def folded(name: str) -> str:
    """What is the same for names that a file system or a person may take for one."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def _is_link_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:
        return False


def _found(entry: os.DirEntry[str]) -> Found | None:
    """A file, or what a link leads to; a link to nothing fails when it is read. None: removed since, or no file."""
    try:
        # Of a link, what it leads to counts: that is what changes.
        told = entry.stat()
        regular = stat.S_ISREG(told.st_mode)
    except OSError:
        try:
            told = entry.stat(follow_symlinks=False)
            regular = True
        except OSError:
            return None
    return Found(entry.path, told.st_size, told.st_mtime_ns) if regular else None
