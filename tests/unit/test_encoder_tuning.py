"""How the streams are chosen, and that the choice is made once."""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.encoder import tuning
from shared.encoder.tuning import Tuning


class Fake:
    """Takes a millisecond a photo and stream; one stream of two threads is `slow` times slower than two streams."""

    def __init__(self, streams: int, slow: float, wrong_from: int) -> None:
        self._seconds = 0.001 * (slow / 2 if streams == 1 else 1)
        self._turn = threading.Semaphore(streams)
        self._wrong = streams >= wrong_from
        self.closed = False

    def encode_blank(self, photos: int) -> None:
        with self._turn:
            time.sleep(self._seconds * photos)

    def encode_specimens(self) -> NDArray[np.float32]:
        vectors = np.eye(4, 8, dtype=np.float32)
        return np.roll(vectors, 1, axis=1) if self._wrong else vectors

    def close(self) -> None:
        self.closed = True


class Maker:
    def __init__(self, slow: float = 2.0, wrong_from: int = 99) -> None:
        self.made: list[int] = []
        self.candidates: list[Fake] = []
        self._slow, self._wrong_from = slow, wrong_from

    def __call__(self, streams: int) -> Fake:
        self.made.append(streams)
        self.candidates.append(Fake(streams, self._slow, self._wrong_from))
        return self.candidates[-1]


def tuned(folder: Path, make: Maker, threads: int = 2) -> Tuning:
    return tuning.tuned(folder, "bf16", threads, make, lambda _: None)


def test_more_streams_are_taken_unless_they_are_clearly_slower() -> None:
    assert tuning.choose({(1, 8): 40.0, (2, 8): 37.0}).streams == 2
    assert tuning.choose({(1, 8): 40.0, (2, 8): 30.0}).streams == 1


def test_the_smallest_batch_that_is_about_as_fast_is_taken() -> None:
    assert tuning.choose({(2, 4): 38.0, (2, 8): 37.0, (2, 16): 40.0}).micro_batch == 4
    assert tuning.choose({(2, 4): 20.0, (2, 8): 37.0, (2, 16): 38.0}).micro_batch == 8
    # Batches of a number of streams that was not chosen do not count.
    assert tuning.choose({(1, 4): 40.0, (2, 4): 20.0, (2, 8): 38.0}).micro_batch == 8


def test_streams_that_give_other_vectors_are_not_taken(tmp_path: Path) -> None:
    assert tuned(tmp_path, Maker(slow=4.0, wrong_from=2)).streams == 1


def test_the_faster_choice_wins(tmp_path: Path) -> None:
    assert tuned(tmp_path / "a", Maker(slow=4.0)).streams == 2
    assert tuned(tmp_path / "b", Maker(slow=0.2)).streams == 1


def test_tuned_once_a_number_of_threads(tmp_path: Path) -> None:
    first = Maker()
    found = tuned(tmp_path, first)
    assert first.made == [1, 1, 2]
    assert all(candidate.closed for candidate in first.candidates)
    again = Maker()
    assert tuned(tmp_path, again) == found
    assert again.made == []
    other = Maker()
    tuned(tmp_path, other, threads=8)
    assert other.made == [1, 1, 4, 8]
    assert tuned(tmp_path, again) == found


def test_one_thread_needs_no_trying(tmp_path: Path) -> None:
    make = Maker()
    assert tuned(tmp_path, make, threads=1).streams == 1
    assert make.made == []


class Hungry(Fake):
    """Keeps memory from its first lone photo on, as an engine does that lays its weights out for it."""

    def encode_blank(self, photos: int) -> None:
        super().encode_blank(photos)
        if photos == 1:
            self.kept = np.ones(100 << 20, np.uint8)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_lone_photo_gets_a_second_where_it_would_take_memory_of_its_own() -> None:
    # What other tests left would else be freed just while the memory of the whole process is measured.
    gc.collect()
    assert tuning.tune([1, 2], lambda streams: Fake(streams, 2.0, 99)).smallest == 1
    assert tuning.tune([1, 2], lambda streams: Hungry(streams, 2.0, 99)).smallest == 2


def test_a_note_of_an_earlier_version_is_made_again(tmp_path: Path) -> None:
    found = tuned(tmp_path, Maker())
    note = tmp_path / "tuning.json"
    document = json.loads(note.read_text(encoding="utf-8"))
    for entry in document.values():
        del entry["smallest"]
    note.write_text(json.dumps(document), encoding="utf-8")
    make = Maker()
    assert tuned(tmp_path, make).smallest == found.smallest
    assert make.made == [1, 1, 2]


def test_a_damaged_or_unwritable_note_only_costs_another_try(tmp_path: Path) -> None:
    (tmp_path / "tuning.json").write_text('{"bf16-2": [', encoding="utf-8")
    make = Maker()
    tuned(tmp_path, make)
    assert make.made == [1, 1, 2]
    assert tuned(tmp_path / "missing" / "folder", Maker()).streams >= 1
