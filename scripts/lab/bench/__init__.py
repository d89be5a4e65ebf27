"""`weft bench`: one file a measurement, all of them ratios of things measured in turns in the same run.

Machines are noisy: what is compared is never measured minutes apart. Beside wall time every figure comes with the CPU
time that its processes took, which other processes disturb far less. `docs/benchmarks.md` says how to read the figures.
"""
