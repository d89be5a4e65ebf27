"""Makes, keeps and opens indexes. faiss is imported here only where it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from shared.ranking.index.exact import ExactIndex
from shared.ranking.index.kinds import choose_kind, has_faiss
from shared.ranking.index.protocol import Index


def make_index(vectors: npt.NDArray[Any], kind: str = "auto") -> Index:
    """An index over [n, d] L2-normalised vectors, float32 or float16, mapped or not; they must stay unchanged."""
    kind = choose_kind(len(vectors), kind)
    if kind == "exact":
        return ExactIndex(vectors)
    from shared.ranking.index.faiss_index import build

    return build(vectors, kind)


def save_index(index: Index, path: Path) -> bool:
    """Keeps what took time to train (`ivf`, `pq`); other kinds are made faster than read, and False is returned."""
    if index.kind not in ("ivf", "pq"):
        return False
    index.save(path)  # type: ignore[attr-defined]
    return True


def open_index(vectors: npt.NDArray[Any], path: Path | None, kind: str = "auto") -> Index:
    """The index kept at `path`, mapped from disk; made anew where there is none. NumPy where faiss is missing."""
    chosen = choose_kind(len(vectors), kind)
    if path is not None and path.is_file() and chosen in ("ivf", "pq") and has_faiss():
        from shared.ranking.index.faiss_index import load

        return load(path, vectors, chosen)
    return make_index(vectors, chosen)
