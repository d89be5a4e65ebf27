"""Nearest vectors among many: one protocol, the kind chosen by size, the same code above all of them.

exact  NumPy, every vector compared: small banks, and wherever faiss is missing
flat   faiss, every vector compared
ivf    faiss, only the cells near the query
pq     faiss, cells of product-quantised codes; the best are compared again with the exact vectors
"""

from __future__ import annotations

from shared.ranking.index.kinds import choose_kind, has_faiss
from shared.ranking.index.make import make_index, open_index, save_index
from shared.ranking.index.protocol import Index

__all__ = ["Index", "choose_kind", "has_faiss", "make_index", "open_index", "save_index"]
