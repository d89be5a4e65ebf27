"""Which kind of index a number of vectors wants, and whether faiss is there."""

from __future__ import annotations

from functools import lru_cache

import structlog

_log = structlog.get_logger(__name__)

KINDS = ("exact", "flat", "ivf", "pq")
#: Vectors from which faiss compares faster than NumPy, and from which comparing all of them takes too long.
FLAT_FROM, PQ_FROM = 10_000, 50_000


@lru_cache(maxsize=1)
def has_faiss() -> bool:
    """Whether faiss can be imported; says once in the log where it cannot."""
    try:
        import faiss  # noqa: F401
    except ImportError:
        _log.warning("no_faiss", advice="searching with NumPy; `pip install faiss-cpu` makes large banks faster")
        return False
    return True


def choose_kind(vectors: int, wanted: str = "auto") -> str:
    """The kind for so many vectors; `wanted` (a preset's `index`) overrides the size. NumPy where faiss is missing."""
    if wanted not in ("auto", *KINDS):
        raise ValueError(f"no index {wanted}")
    kind = wanted
    if wanted == "auto":
        kind = "exact" if vectors < FLAT_FROM else "flat" if vectors <= PQ_FROM else "pq"
    return kind if kind == "exact" or has_faiss() else "exact"
