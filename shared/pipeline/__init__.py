"""From a chunk of photo references to ranked results: read, look up, decode, encode in micro-batches, rank, hand over.

Knows neither Redis nor Celery: it is given where chunks come from and where results go (`Source`), its cache, storage
and engine.
"""

from __future__ import annotations

from shared.pipeline.chunk_work import Chunk, Source
from shared.pipeline.pipeline import Pipeline

__all__ = ["Chunk", "Pipeline", "Source"]
