"""Benchmarks and training."""
