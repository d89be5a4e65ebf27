"""Where photos cannot be sorted is told in a sentence, with the folder that people know."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from scripts.cli.commands.sort import _unwritable


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "You may not write in {0}:"),
        (errno.EROFS, "{0} is on a disk that can only be read:"),
        (errno.ENOTDIR, "{0} is a file, not a folder:"),
        (errno.EIO, "The photos cannot be sorted there: Input/output error"),
    ],
)
def test_in_words(number: int, words: str, tmp_path: Path) -> None:
    target = tmp_path / "sorted"
    error = OSError(number, os.strerror(number), str(target / ".weft-sort-parts"))
    said = str(_unwritable(error, target))
    assert said.startswith(words.format(tmp_path))
    assert "Errno" not in said
    assert "parts" not in said


def test_a_manifest_that_cannot_be_written(tmp_path: Path) -> None:
    error = sqlite3.OperationalError("attempt to write a readonly database")
    assert str(_unwritable(error, tmp_path)).startswith(f"You may not write in {tmp_path}:")
