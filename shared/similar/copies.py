"""Groups of photos that are one photo: the same file, resized, compressed again, or cropped by up to a tenth.

docs/benchmarks.md has what is found of 672 photos of 27 leathers with a copy each, and what is found wrongly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt

from shared.ranking.fitting.groups import components
from shared.similar.groups import Group, group_of, neighbours, parts_of, sort_groups
from shared.similar.vectors import Floats, Ints, Vectors

#: Bits by which fingerprints of copies differ at most, and the cosine that their embeddings reach: two plain cloths of
#: other colours have the same frequencies.
_BITS, _COSINE = 8, 0.85
#: The same for a cropped copy, of which the embedding is less like.
_CROPPED_COSINE = 0.75
#: Photos with similar fingerprints that each is compared with.
_NEIGHBOURS = 24
#: Photos up to which cropped copies are looked for: their thumbnails are read, about a millisecond each.
MOST_CROPPED = 20_000


@dataclass(frozen=True)
class Looks:
    """What is known of the photos besides their embeddings, [n] each, in the order of the vectors."""

    #: SHA-256 of the file; empty where it is not known.
    sha256: list[str]
    #: As 64-bit numbers, and whether there is one: photos of earlier versions have none.
    fingerprints: npt.NDArray[np.uint64]
    known: npt.NDArray[np.bool_]
    #: Fingerprints of the parts of the photo of this SHA-256, as of `part_hashes`; None where there is no thumbnail.
    parts: Callable[[str], npt.NDArray[np.uint64] | None]
    #: Photos that show hardly anything of a cloth (severe defects): a table, or all white, looks like any other. Only
    #: the same file is a copy of one. None: no photo is.
    poor: npt.NDArray[np.bool_] | None = None


def copies(vectors: Vectors, threshold: float, looks: Looks | None = None) -> list[Group]:
    """Groups of photos whose cosine is above `threshold`, or that look the same, directly or through others.

    The largest comes first.
    """
    if len(vectors.rows) < 2:
        return []
    rows = vectors.rows.astype(np.float32)
    cosines, found = neighbours(rows)
    left, place = np.nonzero((cosines > threshold) & (found >= 0))
    pairs = [np.stack([left, found[left, place]])]
    if looks is not None:
        pairs.append(_same_looks(rows, looks))
        if len(rows) <= MOST_CROPPED:
            pairs.append(_cropped(cosines, found, looks))
        if looks.poor is not None:
            pairs = [pair[:, ~looks.poor[pair].any(axis=0)] for pair in pairs]
        pairs.append(_same_files(looks))
    first, second = np.concatenate(pairs, axis=1)
    of = components(len(rows), first, second)
    return sort_groups([group_of(vectors, rows, part)[0] for part in parts_of(of, 2)])


def _same_files(looks: Looks) -> Ints:
    """[2, p] pairs: each photo with the first of the same file."""
    first: dict[str, int] = {}
    pairs = [(first.setdefault(sha256, row), row) for row, sha256 in enumerate(looks.sha256) if sha256]
    return np.array(pairs, np.int64).reshape(-1, 2).T


def _same_looks(rows: Floats, looks: Looks) -> Ints:
    """[2, p] pairs whose fingerprints and embeddings are nearly the same."""
    known = np.flatnonzero(looks.known)
    if len(known) < 2:
        return np.empty((2, 0), np.int64)
    codes = looks.fingerprints[known].view(np.uint8).reshape(-1, 8)
    index = faiss.IndexBinaryFlat(64)
    index.add(codes)
    bits, found = index.search(codes, min(_NEIGHBOURS, len(known)))
    left, place = np.nonzero((bits <= _BITS) & (found >= 0))
    first, second = known[left], known[found[left, place]]
    alike = np.einsum("pd,pd->p", rows[first], rows[second]) > _COSINE
    return np.stack([first[alike], second[alike]])


def _cropped(cosines: Floats, found: Ints, looks: Looks) -> Ints:
    """[2, p] pairs of which one looks like a part of the other, among each photo's nearest by embedding."""
    close = (cosines > _CROPPED_COSINE) & (found >= 0)
    left, place = np.nonzero(close)
    right = found[left, place]
    wanted = np.unique(np.concatenate([left, right]))
    known = [(row, parts) for row in wanted.tolist() if (parts := looks.parts(looks.sha256[row])) is not None]
    if len(known) < 2:
        return np.empty((2, 0), np.int64)
    at = np.full(len(found), -1)
    at[[row for row, _ in known]] = np.arange(len(known))
    parts = np.stack([one for _, one in known])
    both = (at[left] >= 0) & (at[right] >= 0)
    left, right = left[both], right[both]
    # The whole of one, and any part of the other; the other way round, the pair comes from its other end.
    bits = np.bitwise_count(parts[at[left], :1] ^ parts[at[right]]).min(axis=1)
    reverse = np.bitwise_count(parts[at[right], :1] ^ parts[at[left]]).min(axis=1)
    same = np.minimum(bits, reverse) <= _BITS
    return np.stack([left[same], right[same]])
