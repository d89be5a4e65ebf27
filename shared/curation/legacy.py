"""Imports a bank of the old format: an NPZ with one array of vectors a class, without pictures."""

from __future__ import annotations

import hashlib
import json
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile

from shared.bank.manifest import Origin
from shared.bank.store import BankStore
from shared.core.errors import BankError, InvalidRequest, ModelError
from shared.core.names import label as label_of
from shared.core.names import normal
from shared.core.settings import Settings
from shared.curation.folder import Names, read_names, refuse_clashes
from shared.curation.texts import class_texts
from shared.curation.writer import Draft, Progress, normalised, sample_id, seal, silent
from shared.encoder import describe
from shared.encoder.identity import digest
from shared.encoder.info import EncoderInfo
from shared.encoder.spec import join_names, parse

#: Dimensions of well-known encoders, to say which model the columns could be.
_KNOWN_DIMS = {
    512: "ViT-B-32/openai or another ViT-B",
    768: "ViT-L-14/openai or another ViT-L",
    1024: "ViT-H-14/laion2b_s32b_b79k",
    1536: "ViT-B-32/openai + ViT-H-14/laion2b_s32b_b79k",
}
#: Input side of an encoder that is not known here.
_INPUT_SIZE = 224
#: What numpy and zipfile raise for a file that is damaged, or declares more than there is memory for.
_DAMAGE = (
    *(OSError, ValueError, KeyError, EOFError, NotImplementedError, MemoryError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)
#: Halves of a concatenated vector were normalised each: their lengths differ by no more than this.
_HALF_TOLERANCE = 0.01


@dataclass(frozen=True)
class Legacy:
    """What an NPZ holds. Rows are normalised, classes sorted, rows of a class beside each other."""

    labels: tuple[str, ...]
    #: [n] class of each row.
    owner: npt.NDArray[np.int64]
    #: [n, d]
    vectors: npt.NDArray[np.float32]
    #: Classes whose array is empty.
    empty: tuple[str, ...]


def read_legacy(path: Path) -> Legacy:
    """Reads an NPZ of the old format.

    Raises InvalidRequest: `path_missing`; `legacy_damaged` (no NPZ, cut off, pickled, an array that is no [n, d] of
    numbers, arrays of different widths); `class_clash`; `label_*`. BankError: `bank_vectors_of` (NaN, infinite or zero
    rows, with the class), `bank_empty`.
    """
    if not path.is_file():
        raise InvalidRequest("path_missing", path=str(path))
    arrays: dict[str, npt.NDArray[np.float32]] = {}
    labels: list[str] = []
    try:
        # The handle is ours: numpy leaves its own open where the archive is damaged.
        with path.open("rb") as handle:
            file = np.load(handle, allow_pickle=False)
            if not isinstance(file, NpzFile):
                raise ValueError("a single array, not an NPZ with one array a class")
            with file:
                for key in file.files:
                    labels.append(label_of(key))
                    arrays[labels[-1]] = _vectors(key, file[key])
    except _DAMAGE as failure:
        raise InvalidRequest("legacy_damaged", name=path.name, reason=str(failure)) from failure
    refuse_clashes(labels)
    filled = sorted(label for label in labels if len(arrays[label]))
    if not filled:
        raise BankError("bank_empty")
    widths = {arrays[label].shape[1] for label in filled}
    if len(widths) > 1:
        reason = f"arrays are {', '.join(str(width) for width in sorted(widths))} columns wide; one bank has one width"
        raise InvalidRequest("legacy_damaged", name=path.name, reason=reason)
    unit = []
    for label in filled:
        try:
            unit.append(normalised(arrays[label]))
        except BankError as failure:
            raise BankError("bank_vectors_of", **failure.detail, label=label) from failure
    counts = [len(rows) for rows in unit]
    return Legacy(
        labels=tuple(filled),
        owner=np.repeat(np.arange(len(filled)), counts),
        vectors=np.concatenate(unit),
        empty=tuple(sorted(set(labels) - set(filled))),
    )


def _vectors(key: str, array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    if not isinstance(array, np.ndarray):
        # numpy hands out a member that is no .npy as its bytes.
        raise ValueError(f"{key} is no array")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"class {key}: {array.dtype} are no numbers")
    if array.size == 0:
        return np.empty((0, 0), np.float32)
    if array.ndim == 1:
        # One photo, saved without its own row.
        array = array[None]
    if array.ndim != 2:
        raise ValueError(f"class {key}: an array of {array.ndim} dimensions, expected [photos, columns]")
    # Values beyond float32 become infinite, which `normalised` names.
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def required_model(vectors: npt.NDArray[np.float32], model: str) -> dict[str, Any]:
    """Which model the columns must be: `{"columns", "model", "halves", "hint"}`.

    `halves`: the columns' ranges where the vector is several normalised ones beside each other, found by their equal
    lengths; the columns themselves do not tell which model made them.
    """
    columns = vectors.shape[1]
    halves = next((cut for cut in ([512, 1024], [512, 768], [768, 1024]) if _is_joined(vectors, cut)), None)
    edges = np.cumsum([0, *halves]).tolist() if halves else [0, columns]
    return {
        "columns": columns,
        "model": model,
        "halves": [list(pair) for pair in pairwise(edges)],
        "hint": _KNOWN_DIMS.get(columns, "a model of this many dimensions"),
    }


def _is_joined(vectors: npt.NDArray[np.float32], cut: list[int]) -> bool:
    if sum(cut) != vectors.shape[1]:
        return False
    lengths = np.linalg.norm(vectors[:, : cut[0]], axis=1)
    return bool(np.all(np.abs(lengths - np.sqrt(0.5)) < _HALF_TOLERANCE))


def import_legacy(
    path: Path,
    settings: Settings,
    model: str | None = None,
    *,
    labels_file: Path | None = None,
    aliases_file: Path | None = None,
    keep_duplicates: bool = False,
    name: str = "",
    progress: Progress = silent,
) -> str:
    """Makes a version from an NPZ of the old format and returns it, not yet published.

    `model` (None: the one in force) is what must have made the vectors; only its dimension can be checked. Names come
    from the files given, or from those beside the NPZ. Rows that are the same in one class are taken once.
    Raises as `read_legacy`; BankError("legacy_dimensions"), ModelError, Unavailable("disk_full").
    """
    legacy = read_legacy(path)
    columns = legacy.vectors.shape[1]
    wanted = settings if model is None else settings.model_copy(update={"model": model})
    encoder, known_here = _encoder(wanted, columns)
    if columns != encoder.dim:
        hint = _KNOWN_DIMS.get(columns, "a model of this many dimensions")
        raise BankError("legacy_dimensions", columns=columns, model=encoder.model, dim=encoder.dim, hint=hint)
    names = _names(path, labels_file, aliases_file)
    halves = legacy.vectors.astype(np.float16)
    samples, rows, repeated = [], [], 0
    known: set[str] = set()
    for row, label_index in enumerate(legacy.owner.tolist()):
        label = legacy.labels[label_index]
        # There is no file: the vector's own digest stands for the photo, so that the same row keeps its id.
        digest = hashlib.sha256(halves[row].tobytes()).hexdigest()
        identifier = sample_id(label, digest)
        if identifier in known:
            repeated += 1
            if not keep_duplicates:
                continue
            identifier = sample_id(label, f"{digest}/{row}")
        known.add(identifier)
        number = row - int(np.searchsorted(legacy.owner, label_index))
        samples.append({"id": identifier, "label": label, "name": f"{label}[{number}]", "sha256": "", "thumb": False})
        rows.append(row)
    classes = [names.of(label) for label in (*legacy.labels, *legacy.empty)]
    store = BankStore(settings)
    with store.new_folder() as target:
        draft = Draft(
            encoder=encoder,
            classes=classes,
            samples=samples,
            vectors=halves[rows],
            duplicates=0 if keep_duplicates else repeated,
            texts=class_texts(classes, encoder, wanted) if known_here else None,
            name=name,
            origin=Origin.IMPORT,
        )
        return seal(store, target, draft, progress)


def _encoder(settings: Settings, columns: int) -> tuple[EncoderInfo, bool]:
    """The encoder that the settings name, and whether this machine knows it.

    One that it does not know yet gets an identity from its name alone: no worker takes such a bank for its own, so it
    can be examined and cleaned, and is imported again once the model is there.
    """
    try:
        return describe(settings), True
    except ModelError as failure:
        if failure.code != "model_not_converted":
            raise
    name = join_names(parse(settings.model))
    return EncoderInfo(name, digest("unconverted", name), "f32", "openvino", columns, _INPUT_SIZE), False


def _names(path: Path, labels_file: Path | None, aliases_file: Path | None) -> Names:
    """Names from the given JSON files, else from those beside the NPZ. Raises InvalidRequest where one is damaged."""
    names = read_names(path.parent)
    if labels_file is not None:
        names.labels = _read_json(labels_file)
    if aliases_file is not None:
        given = _read_json(aliases_file)
        names.aliases = {key: value if isinstance(value, list) else [value] for key, value in given.items()}
    return names


def _read_json(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"))
        return {normal(key): value for key, value in document.items()}
    except OSError as failure:
        raise InvalidRequest("path_missing", path=str(file)) from failure
    except (ValueError, AttributeError) as failure:
        raise InvalidRequest(reason=f"{file.name}: {failure}") from failure
