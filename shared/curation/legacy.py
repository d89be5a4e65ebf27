"""Imports a bank of the old format: an NPZ with one array of vectors a class, without pictures."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile

from shared.bank.manifest import Origin
from shared.bank.samples import Sample
from shared.bank.store import BankStore
from shared.core.documents import Document
from shared.core.encoder_info import EncoderInfo
from shared.core.errors import BankError, InvalidRequest, ModelError, WeftError
from shared.core.names import label as label_of
from shared.core.settings import Settings
from shared.curation.folder import Names, read_aliases, read_labels, read_names, refuse_clashes
from shared.curation.texts import ClassTexts, class_texts
from shared.curation.writer import Draft, Progress, normalised, sample_id, seal, silent
from shared.encoder import describe
from shared.encoder.identity import digest
from shared.encoder.spec import join_names, parse
from shared.jobs.intake.zip_directory import check_end

#: Dimensions of well-known encoders, to say which model the columns could be.
_KNOWN_DIMS = {
    512: "ViT-B-32/openai or another ViT-B",
    768: "ViT-L-14/openai or another ViT-L",
    1024: "ViT-H-14/laion2b_s32b_b79k",
    1536: "ViT-B-32/openai + ViT-H-14/laion2b_s32b_b79k",
}
#: Input side of an encoder that is not known here.
_INPUT_SIZE = 224
#: Vectors hardly shrink: an NPZ that unpacks to more than this many times its own size would only fill the memory.
_MAX_RATIO = 10
#: Below this many unpacked bytes the ratio does not matter.
_HARMLESS_BYTES = 64 * 1024**2
#: Arrays, that is classes.
_MAX_ARRAYS = 200_000
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


def read_legacy(path: Path, shown: str | None = None) -> Legacy:
    """Reads an NPZ of the old format; errors call it `shown`, or else by its name.

    Raises InvalidRequest: `path_missing`; `legacy_damaged` (no NPZ, cut off, pickled, an array that is no [n, d] of
    numbers, arrays of different widths, more than such a file can hold); `too_many_files`; `class_clash`; `label_*`.
    BankError: `bank_vectors_of` (NaN, infinite or zero rows, with the class), `bank_empty`.
    """
    if not path.is_file():
        raise InvalidRequest("path_missing", path=str(path))
    shown = shown or path.name
    arrays: dict[str, npt.NDArray[np.float32]] = {}
    labels: list[str] = []
    try:
        if zipfile.is_zipfile(path):
            _check_size(path)
        # The handle is ours: numpy leaves its own open where the archive is damaged.
        with path.open("rb") as handle:
            file = np.load(handle, allow_pickle=False)
            if not isinstance(file, NpzFile):
                raise ValueError("a single array, not an NPZ with one array a class")
            with file:
                for key in file.files:
                    labels.append(label_of(key))
                    arrays[labels[-1]] = _vectors(key, file[key])
    except WeftError:
        raise
    except Exception as failure:
        # numpy reads headers as Python literals and raises whatever comes of it: TypeError, SyntaxError, OverflowError.
        reason = str(failure) or type(failure).__name__
        raise InvalidRequest("legacy_damaged", name=shown, reason=reason) from failure
    refuse_clashes(labels)
    filled = sorted(label for label in labels if len(arrays[label]))
    if not filled:
        raise BankError("bank_empty")
    widths = {arrays[label].shape[1] for label in filled}
    if len(widths) > 1:
        reason = f"arrays are {', '.join(str(width) for width in sorted(widths))} columns wide; one bank has one width"
        raise InvalidRequest("legacy_damaged", name=shown, reason=reason)
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


def _check_size(path: Path) -> None:
    """Raises ValueError for an archive whose directory promises far more than its bytes can hold, and BadZipFile."""
    check_end(path, path.name, _MAX_ARRAYS)
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
    packed = path.stat().st_size
    if unpacked > _HARMLESS_BYTES and unpacked > _MAX_RATIO * packed:
        raise ValueError(f"it unpacks from {packed:,} to {unpacked:,} bytes, more than {_MAX_RATIO} times as much")


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


class RequiredModel(Document):
    """Which model the columns of an NPZ must be from; the columns themselves do not tell which one made them."""

    columns: int
    model: str
    #: First column, and one past the last, of each part, where the vector is several normalised ones side by side.
    halves: list[list[int]]
    #: A well-known model of so many dimensions.
    hint: str


def required_model(vectors: npt.NDArray[np.float32], model: str) -> RequiredModel:
    """Which model the columns must be from; parts are found by their equal lengths."""
    columns = vectors.shape[1]
    halves = next((cut for cut in ([512, 1024], [512, 768], [768, 1024]) if _is_joined(vectors, cut)), None)
    edges = np.cumsum([0, *halves]).tolist() if halves else [0, columns]
    return RequiredModel(
        columns=columns,
        model=model,
        halves=[list(pair) for pair in pairwise(edges)],
        hint=_KNOWN_DIMS.get(columns, "a model of this many dimensions"),
    )


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
    by: str | None = None,
    shown: str | None = None,
    bank: str | None = None,
) -> str:
    """Makes a version from an NPZ of the old format and returns it, not yet published.

    `model` (None: the active one) is what must have made the vectors; only its dimension can be checked. Names come
    from the files given, or from those beside the NPZ. `by`: who asks; errors call the file
    `shown`. Rows that are the same in one class are taken once. `bank`: the bank that the version belongs to, by id or
    name (None: the default one).
    Raises as `read_legacy`; NotFound for an unknown bank, BankError("legacy_dimensions"), ModelError,
    Unavailable("disk_full").
    """
    legacy = read_legacy(path, shown)
    columns = legacy.vectors.shape[1]
    wanted = settings if model is None else settings.model_copy(update={"model": model})
    encoder, known_here = encoder_of(wanted, columns)
    if columns != encoder.dim:
        raise dimensions_wrong(columns, encoder)
    names = names_of(path, labels_file, aliases_file)
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
        samples.append(Sample(identifier, label, f"{label}[{number}]", sha256=""))
        rows.append(row)
    classes = [names.of(label) for label in (*legacy.labels, *legacy.empty)]
    named = class_texts(classes, encoder, wanted) if known_here else ClassTexts()
    store = BankStore(settings).of(bank)
    with store.new_folder() as target:
        draft = Draft(
            encoder=encoder,
            classes=classes,
            samples=samples,
            vectors=halves[rows],
            duplicates=0 if keep_duplicates else repeated,
            texts=named.rows,
            names_unused=named.unused,
            name=name,
            origin=Origin.IMPORT,
            by=by,
            colour=1,
        )
        return seal(store, target, draft, progress)


def dimensions_wrong(columns: int, encoder: EncoderInfo) -> BankError:
    """Of vectors of so many columns, which are not this encoder's."""
    hint = _KNOWN_DIMS.get(columns, "a model of this many dimensions")
    return BankError("legacy_dimensions", columns=columns, model=encoder.model, dim=encoder.dim, hint=hint)


def encoder_of(settings: Settings, columns: int) -> tuple[EncoderInfo, bool]:
    """The encoder that the settings name, and whether this machine knows it.

    One that it does not know yet gets an identity from its name alone: no worker takes such a bank for its own, so it
    can be examined and cleaned, and is imported again once the model is there.
    """
    try:
        # Whatever WEFT_VIEWS says here, the file's vectors are of whole photos.
        return describe(settings.model_copy(update={"views": "1"})), True
    except ModelError as failure:
        if failure.code != "model_not_converted":
            raise
    name = join_names(parse(settings.model))
    return EncoderInfo(name, digest("unconverted", name), "f32", "openvino", columns, _INPUT_SIZE), False


def names_of(path: Path, labels_file: Path | None, aliases_file: Path | None) -> Names:
    """Names from the given JSON files, else from those beside the NPZ. Raises InvalidRequest where one is damaged."""
    names = read_names(path.parent)
    if labels_file is not None:
        names.labels = read_labels(labels_file)
    if aliases_file is not None:
        names.aliases = read_aliases(aliases_file)
    return names
