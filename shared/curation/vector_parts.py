"""A folder of vectors, in as many parts as one likes, from which a bank of any size is made.

A part is `NAME.npy`, an array [n, d] of numbers, with `NAME.labels` beside it: text, one class label per row; and
`NAME.names` if there are names, one per row. Or it is `NAME.npz` with `embeddings` [n, d] and `labels` [n], or as
`weft embed` writes it: with `names`, each photo's class being the folder that it lies in, and `sha256`. An .npy is read
a block at a time, an .npz as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile

from shared.core.errors import BankError, InvalidRequest, WeftError
from shared.core.messages import sentence
from shared.core.names import label as label_of
from shared.curation.writer import Halves, normalised
from shared.ranking.class_samples import give_back

#: Rows that are read at a time.
BLOCK = 16_384


@dataclass(frozen=True)
class Rows:
    """Some rows of a part, in their order."""

    #: [n, d] L2-normalised.
    vectors: Halves
    #: Empty where there are none.
    names: list[str]
    sha256: list[str]


class Part:
    """A file of vectors. Raises InvalidRequest (`vectors_*`) wherever it reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.labels = self._read(self._labels)

    def rows(self) -> Iterator[tuple[int, Rows]]:
        """The first row of each block, and its rows. Also raises BankError("vectors_of") for NaN or zero rows."""
        vectors, names, hashes = self._read(self._arrays)
        for start in range(0, len(vectors), BLOCK):
            at = slice(start, start + BLOCK)
            try:
                # Values beyond float32 become infinite, which `normalised` names.
                with np.errstate(over="ignore"):
                    unit = normalised(vectors[at]).astype(np.float16)
            except BankError as failure:
                first = failure.detail["first"] + start
                raise BankError(
                    "vectors_of", name=self.path.name, rows=failure.detail["rows"], first=first
                ) from failure
            yield start, Rows(unit, names[at], hashes[at])
            give_back(vectors)

    @property
    def columns(self) -> int:
        """Of each vector."""
        if self.path.suffix == ".npy":
            return int(self._read(self._mapped).shape[1])
        return int(self._read(self._arrays)[0].shape[1])

    def _read(self, reads: Any) -> Any:
        try:
            return reads()
        except WeftError:
            raise
        except Exception as failure:
            if "allow_pickle" in str(failure):
                raise InvalidRequest("vectors_objects", name=self.path.name) from failure
            # numpy reads headers as Python literals and raises whatever comes of it.
            reason = str(failure) or type(failure).__name__
            raise InvalidRequest("vectors_damaged", name=self.path.name, reason=reason) from failure

    def _labels(self) -> list[str]:
        if self.path.suffix == ".npy":
            found, count = _lines(self.path.with_suffix(".labels")), len(self._mapped())
        else:
            with self._opened() as file:
                count = len(self._array(file, "embeddings"))
                if "labels" in file.files:
                    found = file["labels"].tolist()
                else:
                    found = [PurePosixPath(name).parent.name for name in self._array(file, "names").tolist()]
        if len(found) != count:
            raise ValueError(f"{len(found)} labels for {count} vectors")
        known: dict[str, str] = {}
        for row, text in enumerate(found):
            if text not in known:
                try:
                    known[text] = label_of(text)
                except WeftError as failure:
                    reason = sentence(failure.code, **failure.detail)
                    raise InvalidRequest("vectors_label", name=self.path.name, row=row, reason=reason) from failure
        return [known[text] for text in found]

    def _array(self, file: NpzFile, name: str) -> npt.NDArray[Any]:
        if name not in file.files:
            raise InvalidRequest("vectors_no_array", name=self.path.name, array=name, found=", ".join(file.files))
        found: npt.NDArray[Any] = file[name]
        return found

    @contextmanager
    def _opened(self) -> Iterator[NpzFile]:
        # The handle is ours: numpy leaves its own open where the archive is damaged.
        with self.path.open("rb") as handle:
            found = np.load(handle, allow_pickle=False)
            if not isinstance(found, NpzFile):
                raise ValueError("a single array, not an NPZ")
            with found:
                yield found

    def _mapped(self) -> npt.NDArray[Any]:
        return _checked(np.load(self.path, mmap_mode="r", allow_pickle=False))

    def _arrays(self) -> tuple[npt.NDArray[Any], list[str], list[str]]:
        if self.path.suffix == ".npy":
            named = self.path.with_suffix(".names")
            vectors, names, hashes = self._mapped(), _lines(named) if named.is_file() else [], []
        else:
            with self._opened() as file:
                vectors = _checked(self._array(file, "embeddings"))
                names, hashes = (file[key].tolist() if key in file.files else [] for key in ("names", "sha256"))
        for told in (names, hashes):
            if told and len(told) != len(vectors):
                raise ValueError(f"{len(told)} names for {len(vectors)} vectors")
        return vectors, names, hashes


def parts_of(folder: Path) -> list[Path]:
    """The files of vectors in a folder, by name. Raises InvalidRequest: `folder_missing`, `vectors_none`."""
    if not folder.is_dir():
        raise InvalidRequest("folder_missing", path=str(folder))
    found = sorted(path for path in folder.iterdir() if path.suffix in (".npy", ".npz") and path.is_file())
    if not found:
        raise InvalidRequest("vectors_none", path=str(folder))
    return found


def _checked(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.ndim != 2 or array.dtype.kind not in "fiu" or not array.shape[1]:
        raise ValueError(f"an array {list(array.shape)} of {array.dtype}, expected [vectors, columns] of numbers")
    return array


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise InvalidRequest("path_missing", path=str(path))
    data = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        with suppress(UnicodeDecodeError):
            # Editors leave blank lines at the end, and carriage returns.
            return data.decode(encoding).replace("\r\n", "\n").rstrip("\r\n").split("\n")
    raise InvalidRequest("vectors_encoding", name=path.name)
