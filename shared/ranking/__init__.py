"""Ranks vectors against a bank: coarse (centroids) → `topc` classes → fine (their samples) → verdict with evidence."""

from __future__ import annotations

from shared.ranking.ranker import Ranker, rank

__all__ = ["Ranker", "rank"]
