"""The labelled reference set: immutable versions on disk, published by an atomic switch.

`store` needs no numpy, so that the web process may read manifests, classes and sample pictures; `bank`, `writer` and
`build` are for processes that rank or make banks.
"""

from __future__ import annotations

from shared.bank.store import BankStore

__all__ = ["BankStore"]
