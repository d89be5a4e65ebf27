"""How a parent tells its child that the worker is about to end."""

from __future__ import annotations

import mmap


class Drain:
    """One byte that parent and child share: Celery does not tell a prefork child that its worker is about to end."""

    def __init__(self) -> None:
        self._byte = mmap.mmap(-1, 1)

    def begin(self) -> None:
        self._byte[0] = 1

    def __bool__(self) -> bool:
        return bool(self._byte[0])
