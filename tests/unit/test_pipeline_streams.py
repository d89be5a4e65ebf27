"""An encoder with several streams is called from as many threads at once, and every answer still comes home."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.jobs.model import Item
from tests.pipeline_harness import Hashing, ListSource, cut, make_pipeline, rank, run, stored


class Meeting(Hashing):
    """Two streams whose first calls wait for each other: one thread alone would never get on."""

    def __init__(self) -> None:
        super().__init__(micro_batch=4)
        self.streams = 2
        self._meeting = threading.Barrier(2, timeout=20)
        self._met = threading.local()

    def encode_hashes(self, sha256s: Sequence[str]) -> NDArray[np.float32]:
        if not getattr(self._met, "yes", False):
            self._met.yes = True
            self._meeting.wait()
        return super().encode_hashes(sha256s)


def expected(item: Item) -> str | None:
    vector = Hashing().encode_hashes([item.sha256 or ""]).astype(np.float16).astype(np.float32)
    return rank(vector, "", "")[0].label


def test_streams_encode_at_once_and_mix_nothing_up(tmp_path: Path) -> None:
    items = stored([f"photo {n}" for n in range(100)])
    source = ListSource.of(*cut(items, 16))
    run(make_pipeline(tmp_path, Meeting()), source)
    assert {i: r.ranking.label for i, r in source.results.items() if r.ranking} == {i.index: expected(i) for i in items}
    assert len(source.finals) == 7


def test_an_error_in_one_stream_ends_the_run(tmp_path: Path) -> None:
    class Failing(Meeting):
        def encode_hashes(self, sha256s: Sequence[str]) -> NDArray[np.float32]:
            super().encode_hashes(sha256s)
            if threading.current_thread().name == "encoder-2":
                raise SystemExit("no room")
            return super().encode_hashes(sha256s)

    source = ListSource.of(*cut(stored([f"photo {n}" for n in range(100)]), 16))
    with pytest.raises(SystemExit, match="no room"):
        run(make_pipeline(tmp_path, Failing()), source)
