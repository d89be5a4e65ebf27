"""A model's weights file as mapped memory whose pages can be given back once the engine has copied what it needs."""

from __future__ import annotations

import ctypes
import mmap
import os
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

#: By device and inode, which no other file gets while this one is mapped.
_MAPPED: dict[tuple[int, int], MappedWeights] = {}


class MappedWeights:
    """Use `of`: a file is mapped once, and stays mapped for the life of the process.

    OpenVINO keeps the address of the weights and no reference to them, so nothing may ever be mapped in their place.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        # Not unmapped at the interpreter's end, either: a thread may still be encoding.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(memory))

    @classmethod
    def of(cls, path: Path) -> MappedWeights:
        """Raises OSError where the file cannot be read, ValueError where it is empty."""
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            key = (status.st_dev, status.st_ino)
            if key not in _MAPPED:
                # Two threads may both come here; the first one's stays.
                _MAPPED.setdefault(key, cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
            return _MAPPED[key]

    @property
    def array(self) -> NDArray[np.uint8]:
        """The file's bytes, uint8 [size], no copy. It says that it can be written, as OpenVINO asks; writing would end
        the process, for the mapping is read-only."""
        address = np.frombuffer(self._memory, np.uint8).ctypes.data
        return np.ctypeslib.as_array((ctypes.c_uint8 * len(self._memory)).from_address(address))

    def release(self) -> None:
        """Takes the file's pages out of this process's memory; whoever reads them again reads the file.

        Nothing can be lost: the mapping is read-only and shared with the file, and ours alone. Linux only; elsewhere
        it does nothing. See madvise(2).
        """
        if hasattr(mmap, "MADV_DONTNEED"):
            self._memory.madvise(mmap.MADV_DONTNEED)
