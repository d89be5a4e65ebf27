"""What ranking asks of a bank's samples, where they are too many to compare all: the best of a few classes, exactly."""

from __future__ import annotations

import mmap
import threading
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from shared.ranking.methods import Floats, Ints

#: Rows that are read, widened and compared at a time: a megabyte of float32 at 512 columns stays in a core's cache.
_BLOCK = 512
#: Bytes read from the mapped file after which its pages are given back: the system keeps them, the process does not.
#: Up to four times as many are resident, since the system maps more around a page than was asked for.
_RESIDENT_BYTES = 32 << 20
#: The exponent of float16 moved to where float32 has it is too small by this factor.
_WIDEN = np.float32(2.0**112)


@dataclass(frozen=True, slots=True)
class Best:
    """For each of [q, t] pairs of a query and a class."""

    #: [q, t, k] the `k` nearest samples, best first, ties by row; -1 where the class has fewer.
    rows: Ints
    #: [q, t, k] their cosines, at most 1; -inf where the class has fewer.
    cosines: Floats
    #: [q, t] log mean of exp(-beta (1 - cosine)) / beta over all samples of the class; None where it was not asked for.
    density: Floats | None


class Samples(Protocol):
    """All that ranking asks of the samples of a large bank: here of its mapped file, elsewhere of the bank server."""

    def best(self, queries: Floats, kept: Ints, k: int, beta: float | None = None) -> Best: ...


class ClassSamples:
    """The samples of a bank, class by class in a mapped file. Thread-safe.

    Everything is exact: a pair's answer is that of `numpy` over all samples of the class, whatever other queries and
    classes are asked for at the same time.
    """

    def __init__(self, vectors: npt.NDArray[np.float16], starts: Ints) -> None:
        """`vectors`: [n, d] finite rows, mapped or not; `starts`: [C + 1], class c has rows starts[c]:starts[c + 1]."""
        self._vectors = vectors
        self._starts = starts
        self._mapped = _mapping(vectors)
        self._read = 0
        self._lock = threading.Lock()

    def best(self, queries: Floats, kept: Ints, k: int, beta: float | None = None) -> Best:
        """The nearest samples of the classes `kept` [q, t], all different, for L2-normalised [q, d] queries.

        A class is read once for all queries that keep it. `beta`: also the density of each class; see `Best`.
        """
        shape = (*kept.shape, k)
        rows, cosines = np.full(shape, -1, np.int64), np.full(shape, -np.inf, np.float32)
        density = np.empty(kept.shape, np.float32) if beta is not None else None
        flat = kept.ravel()
        order = np.argsort(flat, kind="stable")
        edges = np.flatnonzero(np.diff(flat[order], prepend=-1, append=-1))
        room = _Room(min(_BLOCK, int(np.diff(self._starts).max())), queries.shape[1])
        for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            pairs = [divmod(place, kept.shape[1]) for place in order[first:last].tolist()]
            start, similar = self._compare(int(flat[order[first]]), queries, [query for query, _ in pairs], room)
            for pair, line in zip(pairs, similar, strict=True):
                places = largest(line, k)
                rows[pair][: len(places)] = start + places
                cosines[pair][: len(places)] = line[places]
                if density is not None and beta is not None:
                    kernel = np.exp(np.float32(beta) * (line - 1))
                    density[pair] = np.log(kernel.sum() / np.float32(len(line))) / np.float32(beta)
        return Best(rows, cosines, density)

    def _compare(self, label: int, queries: Floats, asking: list[int], room: _Room) -> tuple[int, Floats]:
        """The class's first row, and [a, m] cosines of its samples to the queries `asking`."""
        start, end = int(self._starts[label]), int(self._starts[label + 1])
        similar = np.empty((len(asking), end - start), np.float32)
        for at in range(start, end, _BLOCK):
            block = room.widened(self._vectors[at : min(at + _BLOCK, end)])
            for line, query in zip(similar, asking, strict=True):
                # One query at a time: in a product of several, each one's last digits depend on how many they are.
                np.dot(block, queries[query], out=line[at - start : at - start + len(block)])
        self._give_back(2 * (end - start) * queries.shape[1])
        np.minimum(similar, 1, out=similar)
        return start, similar

    def _give_back(self, read: int) -> None:
        if self._mapped is None:
            return
        with self._lock:
            self._read += read
            if self._read < _RESIDENT_BYTES:
                return
            self._read = 0
        self._mapped.madvise(mmap.MADV_DONTNEED)


class _Room:
    """Where one caller's rows are widened, again and again."""

    def __init__(self, rows: int, dim: int) -> None:
        self._bits = np.empty((rows, dim), np.uint32)
        self._floats = np.empty((rows, dim), np.float32)

    def widened(self, halves: npt.NDArray[np.float16]) -> Floats:
        """float32 of finite float16 rows, the very same numbers; valid until the next call. Five times as fast as
        `astype`, which takes them one by one."""
        bits, floats = self._bits[: len(halves)], self._floats[: len(halves)]
        if halves.dtype != np.float16:
            np.copyto(floats, halves)
            return floats
        # Sign-extended, moved to float32's places and cleared of the copies of the sign: the exponent is too small.
        np.copyto(bits.view(np.int32), halves.view(np.int16))
        np.left_shift(bits, 13, out=bits)
        np.bitwise_and(bits, np.uint32(0x8FFFE000), out=bits)
        np.multiply(bits.view(np.float32), _WIDEN, out=floats)
        return floats


def largest(line: Floats, k: int) -> Ints:
    """Places of the `k` largest values (of all, where there are fewer), largest first, ties by place."""
    if k == 1:
        return np.array([line.argmax()])
    if len(line) > k:
        # The smallest value that is in, and every place that has it: which of equal ones a partition takes is chance.
        least = np.partition(line, len(line) - k)[len(line) - k]
        places = np.flatnonzero(line >= least)
    else:
        places = np.arange(len(line))
    found: Ints = places[np.argsort(-line[places], kind="stable")][:k]
    return found


def give_back(vectors: npt.NDArray[Any]) -> None:
    """The pages of a mapped file that were read: the system keeps them, the process does not. Others stay."""
    if (mapped := _mapping(vectors)) is not None:
        mapped.madvise(mmap.MADV_DONTNEED)


def _mapping(vectors: npt.NDArray[Any]) -> mmap.mmap | None:
    """The mapping that an array lies in, where pages can be given back."""
    base: Any = vectors
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED") else None
