"""The samples of a version that is derived from another, a class at a time: any bank takes the memory of a small one.

Classes that the change does not concern are copied as they lie in the parent's files; the others are read and sorted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shared.bank.samples import Sample
from shared.bank.store import BankStore
from shared.core import json_lines
from shared.core.chunked import chunked
from shared.core.errors import NotFound
from shared.curation.row_files import ArrayFile, RowFiles, row_files
from shared.curation.sizes import ENOUGH
from shared.curation.writer import Halves, sample_id
from shared.ranking.class_samples import give_back

if TYPE_CHECKING:
    from shared.bank.bank import Bank

#: The reason why samples of a removed class are set aside.
REMOVED = "class_removed"
#: Ids that are looked through at a time, and samples that are set aside at a time.
_IDS, _ASIDE = 65_536, 1024


@dataclass(frozen=True)
class Kept:
    """A sample of a class that is written anew."""

    sample: Sample
    #: [d]; None: that of the parent's `row`.
    vector: Halves | None = None
    row: int = -1


@dataclass
class Written:
    """What was written into a version's folder."""

    #: [C] samples of each class.
    counts: list[int] = field(default_factory=list)
    #: [C] the end of each class's lines.
    ends: list[int] = field(default_factory=list)
    #: Those of classes with fewer than `ENOUGH`.
    of_small: list[Sample] = field(default_factory=list)


class DerivedRows:
    """What becomes of the samples of a version: which are set aside, put back, moved and left as they are.

    What is held of them is what the change names, and the rows of one class. Raises BankError("bank_damaged").
    """

    def __init__(
        self,
        store: BankStore,
        bank: Bank,
        *,
        aside: Mapping[str, str],
        restore: Collection[str],
        move: Mapping[str, str],
        remove: Collection[str],
    ) -> None:
        """The arguments are those of `derive.Change`. Raises NotFound for an id that no sample has."""
        self._store, self._bank, self._rows = store, bank, store.rows(bank.version)
        self._aside, self._restore, self._move, self._remove = aside, set(restore), move, set(remove)
        self._aside_vectors = bank.aside_vectors(store.folder(bank.version))
        self._numbers = {label: number for number, label in enumerate(bank.labels)}
        named = dict(self._find(aside.keys() | move.keys()))
        present = set(named.values())
        _require(aside.keys(), present, "sample")
        #: Samples put back, with their rows in the vectors of those set aside.
        self.back = [(row.put_back(), at) for at, row in self._were_aside() if row.id in self._restore]
        _require(self._restore, {row.id for row, _ in self.back}, "sample set aside")
        moved_aside = {row.id: moved(row, move).id for _, row in self._were_aside() if row.id in move} if move else {}
        _require(move.keys(), present | moved_aside.keys(), "sample")
        #: Row → the sample after its move.
        self._moved = {at: moved(self._rows[at], move) for at in sorted(named) if named[at] in move}
        #: Id before the move → id after it, also of samples set aside.
        self.renamed = {named[at]: row.id for at, row in self._moved.items()} | moved_aside
        kept = {at: row for at, row in self._moved.items() if self._reason(named[at], row) is None}
        # A photo that is in both classes of a move already is kept once.
        staying = {identifier for _, identifier in self._find({row.id for row in kept.values()} - move.keys())}
        self.repeated = sum(row.id in staying for row in kept.values())
        #: Label → samples that are moved there, in the order of their rows.
        self._arrivals: dict[str, list[Kept]] = {}
        for at, row in kept.items():
            if row.id not in staying:
                self._arrivals.setdefault(row.label, []).append(Kept(row, row=at))
        #: Numbers of the classes that are not copied as they are.
        self._changed = {int(np.searchsorted(bank.starts, at, side="right")) - 1 for at in named}
        self._changed |= {self._numbers[label] for label in self._remove & self._numbers.keys()}

    def arriving(self) -> set[str]:
        """Labels of the classes that samples are moved to or put back into."""
        return self._arrivals.keys() | {row.label for row, _ in self.back}

    def among(self, ids: set[str]) -> set[str]:
        """Which of these ids samples have after the change, also samples set aside."""
        left = {before for before, after in self.renamed.items() if after != before} - self._aside.keys()
        taken = {row.id for row in self._moved.values()} | {row.id for row, _ in self.back}
        taken |= {identifier for _, identifier in self._find(ids) if identifier not in left}
        taken |= {row.id for _, row in self._were_aside() if row.id in ids and row.id not in self._restore}
        return ids & taken

    def write_aside(self, folder: Path) -> tuple[int, set[str]]:
        """Writes `aside.jsonl`, and `aside.npy` where it is needed: number of samples set aside, and their labels."""
        count, labels = 0, set()
        with (folder / "aside.jsonl").open("wb") as lines, (folder / "aside.npy").open("wb") as file:
            vectors = ArrayFile(file, "<f2", (self._bank.dim,))
            for batch in chunked(self._set_aside(), _ASIDE):
                lines.write(json_lines.dump(row.to_json() for row, _ in batch).encode())
                vectors.append(np.stack([vector for _, vector in batch]))
                for mapped in (self._bank.vectors, self._aside_vectors):
                    give_back(mapped)
                labels |= {row.label for row, _ in batch}
                count += len(batch)
            vectors.end()
        if not count:
            (folder / "aside.npy").unlink()
        return count, labels

    def write(self, folder: Path, labels: Sequence[str], added: Iterable[Kept]) -> Written:
        """Writes the rows of the classes `labels`, sorted, together with samples that are new to the bank."""
        fresh: dict[str, list[Kept]] = {}
        for kept in added:
            fresh.setdefault(kept.sample.label, []).append(kept)
        returning: dict[str, list[tuple[Sample, int]]] = {}
        for row, at in self.back:
            returning.setdefault(row.label, []).append((row, at))
        written = Written()
        with row_files(folder, self._bank.dim) as files:
            first = last = 0
            for label in labels:
                number = self._numbers.get(label)
                arrivals = self._arrivals.get(label, [])
                more = [Kept(row, self._aside_vectors[at]) for row, at in returning.get(label, ())]
                more += fresh.get(label, ())
                if number is not None and number not in self._changed and not arrivals and not more:
                    if number != last:
                        self._copy(files, first, last, written)
                        first = number
                    last = number + 1
                    continue
                self._copy(files, first, last, written)
                first = last
                own = self._staying(number) if number is not None else ()
                self._append(files, [*sorted([*own, *arrivals], key=lambda kept: kept.row), *more], written)
            self._copy(files, first, last, written)
            written.ends = files.ends
        return written

    def _copy(self, files: RowFiles, first: int, last: int, written: Written) -> None:
        """The classes `first` to `last` - 1 as they are."""
        if first == last:
            return
        vectors, ids = self._bank.vectors, self._bank.ids
        starts = self._bank.starts[first : last + 1].tolist()
        files.copy(self._rows, first, last, vectors[starts[0] : starts[-1]], ids[starts[0] : starts[-1]])
        for label, begin, end in zip(self._bank.labels[first:last], starts[:-1], starts[1:], strict=True):
            written.counts.append(end - begin)
            if end - begin < ENOUGH:
                written.of_small += [Sample(one.decode(), label, "", "") for one in ids[begin:end].tolist()]

    def _append(self, files: RowFiles, kept: list[Kept], written: Written) -> None:
        """The rows of one class, which may have none."""
        written.counts.append(len(kept))
        if len(kept) < ENOUGH:
            written.of_small += [one.sample for one in kept]
        kept = sorted(kept, key=lambda one: one.sample.id)
        vectors = np.empty((len(kept), self._bank.dim), np.float16)
        own = [at for at, one in enumerate(kept) if one.vector is None]
        vectors[own] = self._bank.vectors[[kept[at].row for at in own]]
        for at, one in enumerate(kept):
            if one.vector is not None:
                vectors[at] = one.vector
        for mapped in (self._bank.vectors, self._aside_vectors):
            give_back(mapped)
        files.append([one.sample for one in kept], vectors)

    def _staying(self, number: int) -> Iterator[Kept]:
        """The samples of a class that stay in it; those that are moved are not among them."""
        for at, row in self._of_class(number):
            if at not in self._moved and self._reason(row.id, row) is None:
                yield Kept(row, row=at)

    def _set_aside(self) -> Iterator[tuple[Sample, Halves]]:
        """Samples that are set aside, and their vectors [d]: first those that were."""
        for at, row in self._were_aside():
            if row.id not in self._restore:
                yield moved(row, self._move), self._aside_vectors[at]
        for number in sorted(self._changed):
            for at, row in self._of_class(number):
                after = self._moved.get(at, row)
                if (reason := self._reason(row.id, after)) is not None:
                    yield after.set_aside(reason), self._bank.vectors[at]

    def _reason(self, before: str, after: Sample) -> str | None:
        """Why a sample is set aside, by its id before a move and its class after it; None: it is not."""
        if before in self._aside:
            return self._aside[before]
        return REMOVED if after.label in self._remove else None

    def _were_aside(self) -> Iterator[tuple[int, Sample]]:
        return enumerate(self._store.aside_rows(self._bank.version))

    def _of_class(self, number: int) -> Iterator[tuple[int, Sample]]:
        """The rows of a class of the parent, numbered as its vectors are."""
        return enumerate(self._rows.of_class(number), int(self._bank.starts[number]))

    def _find(self, ids: Set[str]) -> Iterator[tuple[int, str]]:
        """Rows of the parent with these ids, in their order."""
        wanted = np.sort(np.array([identifier.encode() for identifier in ids], "S16"))
        for start in range(0, len(self._bank.ids) if len(wanted) else 0, _IDS):
            block = np.asarray(self._bank.ids[start : start + _IDS])
            place = np.minimum(np.searchsorted(wanted, block), len(wanted) - 1)
            for at in np.flatnonzero(wanted[place] == block).tolist():
                yield start + at, block[at].decode()
            give_back(self._bank.ids)


def moved(row: Sample, move: Mapping[str, str]) -> Sample:
    """The sample in the class that it belongs to now. Its id follows; an imported vector has only its id to go by."""
    label = move.get(row.id, row.label)
    return row if label == row.label else replace(row, id=sample_id(label, row.sha256 or row.id), label=label)


def _require(wanted: Set[str], present: Set[str], what: str) -> None:
    missing = sorted(wanted - present)
    if missing:
        raise NotFound(what=f"{what} {missing[0]}")
