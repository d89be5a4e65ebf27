"""Makes a bank from a folder of vectors in a few passes over it; no pass holds more than a block of them.

What is held of each sample is 40 bytes: its class, id, place and where its row of `samples.jsonl` lies.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from shared.bank.manifest import Finding, Origin
from shared.bank.sample_rows import INDEX, write_index
from shared.bank.samples import Sample
from shared.bank.store import BankStore
from shared.core import json_lines
from shared.core.errors import BankError, InvalidRequest
from shared.core.settings import Settings
from shared.curation.folder import refuse_clashes
from shared.curation.legacy import dimensions_wrong, encoder_of, names_of
from shared.curation.sizes import ENOUGH, size_warnings
from shared.curation.texts import class_texts
from shared.curation.vector_parts import Part, Rows, parts_of
from shared.curation.writer import Draft, Progress, Sorted, finish, sample_id, silent
from shared.ranking.fitting.fit import LARGE
from shared.ranking.methods import Ints

#: Rows that are written at a time.
_BLOCK = 16_384


def import_vectors(
    folder: Path,
    settings: Settings,
    model: str | None = None,
    *,
    labels_file: Path | None = None,
    aliases_file: Path | None = None,
    keep_duplicates: bool = False,
    name: str = "",
    progress: Progress = silent,
    by: str | None = None,
    bank: str | None = None,
) -> str:
    """Makes a version from the parts in a folder (`vector_parts`) and returns it, not yet published.

    The parameters are those of `legacy.import_legacy`. Raises as `vector_parts.Part`; InvalidRequest("vectors_widths"),
    NotFound for an unknown bank, BankError("legacy_dimensions"), ModelError, Unavailable("disk_full").
    """
    paths = parts_of(folder)
    columns = Part(paths[0]).columns
    wanted = settings if model is None else settings.model_copy(update={"model": model})
    encoder, known_here = encoder_of(wanted, columns)
    if columns != encoder.dim:
        raise dimensions_wrong(columns, encoder)
    names = names_of(folder / "any", labels_file, aliases_file)
    store = BankStore(settings).of(bank)
    with store.new_folder() as target:
        gathered = _gather(paths, columns, target, keep_duplicates, progress)
        draft = Draft(
            encoder=encoder,
            classes=[names.of(label) for label in gathered.labels],
            samples=[],
            vectors=np.empty((0, columns), np.float16),
            duplicates=gathered.repeated,
            name=name,
            origin=Origin.IMPORT,
            by=by,
            colour=1,
        )
        if known_here:
            draft.texts, draft.names_unused = class_texts(draft.classes, encoder, wanted)
        vectors = _write_vectors(paths, gathered, columns, target, progress)
        more = _write_rows(gathered, target)
        classes = [entry.numbered(n) for entry, n in zip(draft.classes, gathered.counts.tolist(), strict=True)]
        warnings = _warnings(draft, gathered)
        del gathered
        return finish(store, target, draft, Sorted(classes, [], None, vectors, more), warnings, progress)


@dataclass
class _Gathered:
    """What is known of all rows before any is written."""

    #: Sorted.
    labels: list[str]
    #: [C] samples of each class.
    counts: Ints
    #: [n] in the order of the parts: the row that it becomes; -1 for one that is left out.
    place: Ints
    #: [m] id of each sample as a number, and its row in the order of the parts, both in the order of the version.
    ids: npt.NDArray[np.uint64]
    source: Ints
    #: [n + 1] where each row's line begins in `lines`.
    offsets: npt.NDArray[np.uint64]
    lines: Path
    repeated: int


def _gather(paths: list[Path], columns: int, target: Path, keep_duplicates: bool, progress: Progress) -> _Gathered:
    """Reads all parts once: labels, ids and lines of samples."""
    numbers: dict[str, int] = {}
    owners, ids, lengths = [], [], []
    lines = target / "lines"
    with lines.open("wb") as out:
        for number, path in enumerate(paths):
            part = Part(path)
            if part.columns != columns:
                raise InvalidRequest("vectors_widths", name=path.name, columns=part.columns, first=columns)
            owner = np.array([numbers.setdefault(label, len(numbers)) for label in part.labels], np.int32)
            for start, rows in part.rows():
                found = _described(part, start, rows, out)
                ids.append(found[0])
                lengths.append(found[1])
            owners.append(owner)
            progress("reading", number + 1, len(paths))
    if not numbers:
        raise BankError("bank_empty")
    refuse_clashes(list(numbers))
    labels = sorted(numbers)
    ranks = np.empty(len(labels), np.int32)
    ranks[[numbers[label] for label in labels]] = np.arange(len(labels))
    owner, identifiers = ranks[np.concatenate(owners)], np.concatenate(ids)
    # By class, then id; equal ones in the order of the parts.
    order: Ints = np.lexsort((identifiers, owner))
    same = (np.diff(identifiers[order]) == 0) & (np.diff(owner[order]) == 0)
    repeated = int(same.sum())
    if keep_duplicates:
        for at in np.flatnonzero(same):
            # An id of its own: the class and the row tell it apart.
            row = int(order[at + 1])
            identifiers[row] = int(sample_id(labels[owner[row]], f"{identifiers[row]:x}/{row}"), 16)
        order = np.lexsort((identifiers, owner))
    else:
        order = order[np.concatenate([[True], ~same])]
    place = np.full(len(owner), -1, np.int64)
    place[order] = np.arange(len(order))
    return _Gathered(
        labels=labels,
        counts=np.bincount(owner[order], minlength=len(labels)),
        place=place,
        ids=identifiers[order],
        source=order,
        offsets=np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.uint64),
        lines=lines,
        repeated=0 if keep_duplicates else repeated,
    )


def _described(part: Part, start: int, rows: Rows, out: BinaryIO) -> tuple[npt.NDArray[np.uint64], Ints]:
    """Ids of the rows, and the bytes of their lines, which are written."""
    found, made = [], []
    for at, vector in enumerate(rows.vectors):
        label = part.labels[start + at]
        sha256 = rows.sha256[at] if rows.sha256 else ""
        # Where there is no file, the vector's own digest stands for the photo, so that the same row keeps its id.
        identifier = sample_id(label, sha256 or hashlib.sha256(vector.tobytes()).hexdigest())
        name = rows.names[at] if rows.names else f"{part.path.stem}[{start + at}]"
        found.append(int(identifier, 16))
        made.append(json_lines.dump([Sample(identifier, label, name, sha256).to_json()]).encode())
    out.write(b"".join(made))
    return np.array(found, np.uint64), np.array([len(line) for line in made], np.int64)


def _write_vectors(
    paths: list[Path], gathered: _Gathered, columns: int, target: Path, progress: Progress
) -> npt.NDArray[np.float16]:
    """Writes every row to its place, and returns them mapped. Written, not mapped, as pages would count as memory."""
    path = target / "vectors.npy"
    header = np.lib.format.open_memmap(path, "w+", np.float16, (len(gathered.source), columns))
    first = header.offset
    del header
    handle = os.open(path, os.O_WRONLY)
    row = 0
    try:
        for number, one in enumerate(paths):
            for _, rows in Part(one).rows():
                place = gathered.place[row : row + len(rows.vectors)]
                row += len(rows.vectors)
                kept = np.flatnonzero(place >= 0)
                order = kept[np.argsort(place[kept])]
                # Rows that become neighbours are written at once.
                for run in np.split(order, np.flatnonzero(np.diff(place[order]) != 1) + 1):
                    if len(run):
                        os.pwrite(handle, rows.vectors[run].tobytes(), first + 2 * columns * int(place[run[0]]))
            progress("writing", number + 1, len(paths))
    finally:
        os.close(handle)
    mapped: npt.NDArray[np.float16] = np.load(path, mmap_mode="r")
    return mapped


def _write_rows(gathered: _Gathered, target: Path) -> tuple[str, ...]:
    """Writes `ids.npy` and `samples.jsonl`; returns the names of further files."""
    header = np.lib.format.open_memmap(target / "ids.npy", "w+", "S16", gathered.ids.shape)
    first = header.offset
    del header
    offsets = gathered.offsets
    lengths = (offsets[1:] - offsets[:-1])[gathered.source]
    with (
        gathered.lines.open("rb") as source,
        mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as lines,
        (target / "samples.jsonl").open("wb") as samples,
        (target / "ids.npy").open("r+b") as ids,
    ):
        ids.seek(first)
        for start in range(0, len(gathered.source), _BLOCK):
            at = slice(start, start + _BLOCK)
            begins = offsets[gathered.source[at]].tolist()
            ends = offsets[gathered.source[at] + 1].tolist()
            samples.write(b"".join([lines[a:b] for a, b in zip(begins, ends, strict=True)]))
            ids.write(b"".join([b"%016x" % one for one in gathered.ids[at].tolist()]))
            lines.madvise(mmap.MADV_DONTNEED)
    gathered.lines.unlink()
    if len(gathered.source) <= LARGE:
        return ()
    starts = np.concatenate([[0], np.cumsum(gathered.counts)])
    ends = np.concatenate([[0], np.cumsum(lengths)])
    write_index(target / INDEX, ends[starts].astype(int).tolist())
    return (INDEX,)


def _warnings(draft: Draft, gathered: _Gathered) -> list[Finding]:
    """Of classes with few samples; the samples of no other class are looked at."""
    starts = np.concatenate([[0], np.cumsum(gathered.counts)])
    small = [
        Sample(f"{one:016x}", label, "", "")
        for label, first, last in zip(gathered.labels, starts[:-1].tolist(), starts[1:].tolist(), strict=True)
        if last - first < ENOUGH
        for one in gathered.ids[first:last].tolist()
    ]
    return size_warnings(draft.classes, gathered.counts, small, named=draft.texts is not None)
