"""Ranks vectors against a bank: coarse (centroids) → `topc` classes → fine (their samples) → verdict with evidence."""
