"""Reads a bank's folder: one folder per class, nested folders below it, names beside it. No numpy here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.bank.manifest import ClassEntry, Parent
from shared.core.documents import parse_json
from shared.core.errors import InvalidRequest
from shared.core.names import fold, normal, path_name
from shared.core.names import label as label_of
from shared.photos.formats import is_photo_name

#: Files beside the class folders that give names: label → Chinese name (or {"zh", "en", "notes", "parent"}; `parent` is
#: a label, whose own names stand in the file as well), label → list of aliases.
LABEL_FILES = ("labels.json", "fabric_labels.json")
ALIAS_FILES = ("aliases.json", "fabric_aliases.json")


def refuse_clashes(labels: list[str]) -> None:
    """Raises InvalidRequest("class_clash") for labels that differ only in case or Unicode form."""
    seen: dict[str, str] = {}
    for label in labels:
        other = seen.setdefault(fold(label), label)
        if other is not label:
            raise InvalidRequest("class_clash", first=other, second=label)


@dataclass
class ClassFolder:
    label: str
    #: The folder that it lies in, where that is a parent of classes; else empty.
    parent: str = ""
    #: Photos below the folder, sorted, with their names relative to the bank's folder.
    photos: list[tuple[str, Path]] = field(default_factory=list)


@dataclass
class Names:
    """Chinese and English names and aliases by label; the label itself where a file says nothing."""

    labels: dict[str, str | dict[str, str]] = field(default_factory=dict)
    aliases: dict[str, list[str]] = field(default_factory=dict)

    def of(self, label: str, parent: str = "") -> ClassEntry:
        """The class of this label. `parent`: the group that it belongs to where the file names none."""
        names = self._given(label)
        zh, en = self._both(label)
        aliases = [name for alias in self.aliases.get(label, []) if (name := _text(alias))]
        entry = ClassEntry(label=label, zh=zh, en=en, aliases=aliases)
        said: dict[str, Any] = {}
        if notes := _text(names.get("notes")):
            said["notes"] = notes
        if group := _text(names.get("parent")) or parent:
            zh, en = self._both(group)
            said["parent"] = Parent(label=group, zh=zh, en=en)
        return entry.model_copy(update=said)

    def _given(self, label: str) -> dict[str, str]:
        given = self.labels.get(label)
        return given if isinstance(given, dict) else {"zh": given} if isinstance(given, str) else {}

    def _both(self, label: str) -> tuple[str, str]:
        """Chinese and English name of a class or a parent."""
        names = self._given(label)
        chinese = any("一" <= char <= "鿿" for char in label)
        english = label.replace("_", " ") if label.isascii() else label
        return _text(names.get("zh")) or label, _text(names.get("en")) or (label if chinese else english)


def _text(value: Any) -> str:
    """A name as a file gives it, cleaned; empty for what is no text and no number."""
    return normal(str(value)) if isinstance(value, str | int | float) else ""


def read_names(folder: Path) -> Names:
    """Names from the JSON files beside the class folders. Raises InvalidRequest where one is damaged."""

    def first(candidates: tuple[str, ...]) -> Path | None:
        return next((folder / candidate for candidate in candidates if (folder / candidate).is_file()), None)

    labels, aliases = first(LABEL_FILES), first(ALIAS_FILES)
    return Names(read_labels(labels) if labels else {}, read_aliases(aliases) if aliases else {})


def read_labels(file: Path) -> dict[str, str | dict[str, str]]:
    """Label → Chinese name or {"zh", "en", "notes", "parent"}.

    Raises InvalidRequest: `path_missing`, or the file is damaged.
    """
    return {key: value for key, value in _read_json(file) if isinstance(value, str | dict)}


def read_aliases(file: Path) -> dict[str, list[str]]:
    """Label → aliases. Raises InvalidRequest: `path_missing`, or the file is damaged."""
    return {key: value if isinstance(value, list) else [value] for key, value in _read_json(file)}


def _read_json(file: Path) -> list[tuple[str, Any]]:
    try:
        document = parse_json(file.read_text(encoding="utf-8-sig"))
        return [(normal(key), value) for key, value in document.items()]
    except OSError as failure:
        raise InvalidRequest("path_missing", path=str(file)) from failure
    except (ValueError, AttributeError) as failure:
        raise InvalidRequest(reason=f"{file.name}: {failure}") from failure


def read_classes(folder: Path, parents: bool = False) -> list[ClassFolder]:
    """The classes of `folder`, by label: every folder directly below it is one, with all photos at any depth.

    `parents`: a folder with folders and no photo of its own is a parent, and the folders in it are its classes.

    Raises InvalidRequest: `folder_missing`, `folder_empty` (no class folder), `class_clash`, `label_*`.
    """
    if not folder.is_dir():
        raise InvalidRequest("folder_missing", path=path_name(str(folder)))
    found = []
    for entry in _folders(folder):
        inner = _folders(entry) if parents and not any(is_photo_name(path.name) for path in entry.iterdir()) else []
        for one in inner or [entry]:
            photos = [(normal(path_name(str(path.relative_to(folder)))), path) for path in _photos(one)]
            parent = label_of(entry.name) if inner else ""
            found.append(ClassFolder(label_of(one.name), parent, sorted(photos)))
    refuse_clashes([entry.label for entry in found])
    if not any(entry.photos for entry in found):
        raise InvalidRequest("folder_empty")
    return sorted(found, key=lambda entry: entry.label)


def _folders(folder: Path) -> list[Path]:
    return [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]


def _photos(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(here, name) for name in names if is_photo_name(name))
