"""The photos themselves: a zip with one folder per class, written as it is read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from shared.core.names import harmless_file_name
from shared.jobs.shown import ShownItem
from shared.jobs.sorting.naming import Apart, apart


class _Pieces(io.RawIOBase):
    """What the zip was told to write and nobody has taken yet; it cannot seek, so sizes follow each photo."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._held += data
        return len(data)

    def take(self) -> bytes:
        data, self._held = bytes(self._held), bytearray()
        return data


def as_folders(
    rows: Iterable[ShownItem],
    photo: Callable[[ShownItem], bytes | None],
    classes: Mapping[str, str],
    others: Mapping[Apart, str],
) -> Iterator[bytes]:
    """A zip of the photos that can be read; those that cannot are listed in `missing.txt`.

    Args:
        photo: a photo's bytes; None where they are not to be had.
        classes: label → the folder's name, where it is not the label.
        others: why photos have no class → their folder.
    """
    pieces = _Pieces()
    used: set[str] = set()
    missing: list[str] = []
    # Photos are compressed already.
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for row in rows:
            data = photo(row)
            if data is None:
                missing.append(row["name"])
                continue
            archive.writestr(_place(row, classes, others, used), data)
            yield pieces.take()
        if missing:
            archive.writestr("missing.txt", "\n".join(missing) + "\n")
    yield pieces.take()


def _place(row: ShownItem, classes: Mapping[str, str], others: Mapping[Apart, str], used: set[str]) -> str:
    why, label = apart(row), row["final_label"] or ""
    folder = others[why] if why else classes.get(label, label)
    name = harmless_file_name(PurePosixPath(row["name"].replace("\\", "/")).name)
    place = f"{harmless_file_name(folder)}/{name}"
    # Photos of different folders may have the same name.
    if place.casefold() in used:
        stem, dot, suffix = name.rpartition(".")
        place = f"{harmless_file_name(folder)}/{stem or suffix} ({row['index']}){dot}{suffix if stem else ''}"
    used.add(place.casefold())
    return place
