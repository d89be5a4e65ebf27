"""What a hostile or broken photo costs: one process, one photo, and no more time or memory than it may take."""

from __future__ import annotations

import io
import os
import signal
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from shared.core.errors import PhotoError
from shared.encoder.preprocessing import Preprocessing
from shared.photos.confinement import Confinement
from shared.photos.decode import Limits, decode
from shared.photos.decode_pool import DecodePool
from shared.photos.decode_server import Task
from shared.photos.decoder import Decoded
from shared.photos.identify import jpeg_frame, jpeg_scans
from shared.photos.photo_facts import DecodedPhoto
from shared.photos.thumbnails import thumbnails

SIZE = 64
#: Photos of this width make the task below do what no decoder should.
CRASHES, HANGS, SLEEPS, GREEDY, OPENS = 101, 102, 103, 104, 105


def misbehave(photo: DecodedPhoto) -> dict[str, Any]:
    """Runs in the decoder, as code that a hostile file has taken over would."""
    width = photo.pixels.shape[1]
    if width == CRASHES:
        os.kill(os.getpid(), signal.SIGSEGV)
    while width == HANGS:
        pass
    if width == SLEEPS:
        time.sleep(3600)
    if width == GREEDY:
        np.ones(1 << 30, np.uint8)
    if width == OPENS:
        tried = {}
        for what, attempt in {
            "read": lambda: os.open("/etc/hostname", os.O_RDONLY),
            "write": lambda: os.open("/tmp/weft-escaped", os.O_WRONLY | os.O_CREAT),
            "connect": lambda: __import__("socket").socket(),
        }.items():
            try:
                attempt()
                tried[what] = "done"
            except OSError as error:
                tried[what] = error.strerror
        return tried
    return {"width": width}


def photo(width: int, height: int = 80, kind: str = "PNG", mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((width, height), 60).convert(mode).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    task = Task(SIZE, Limits(), (Preprocessing((SIZE, SIZE)).apply,), misbehave, Confinement(512 << 20, 1.0))
    pool = DecodePool(2, task, budget=512 << 20, wall_seconds=20)
    yield pool
    pool.close()


def code(pool: DecodePool, data: bytes) -> str:
    with pytest.raises(PhotoError) as failure:
        pool.decode(data, thumbnail=True)
    return failure.value.code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_it_makes_what_the_caller_would_make(pool: DecodePool, kind: str) -> None:
    data = photo(300, 200, kind)
    rgb = decode(data, SIZE, Limits())
    made = pool.decode(data, thumbnail=True)
    assert np.array_equal(made.arrays[0], Preprocessing((SIZE, SIZE)).apply(rgb))
    assert made.thumbnails == thumbnails(rgb)
    assert made.values == {"width": rgb.shape[1]}
    assert pool.decode(data, thumbnail=False).thumbnails is None


@pytest.mark.parametrize(
    ("width", "expected"),
    [(CRASHES, "poison"), (HANGS, "photo_too_costly"), (GREEDY, "photo_too_costly")],
    ids=["crashes", "hangs", "greedy"],
)
def test_one_photo_costs_itself_alone(pool: DecodePool, width: int, expected: str) -> None:
    assert code(pool, photo(width)) == expected
    assert pool.decode(photo(90), thumbnail=False).values == {"width": 90}


def test_a_photo_that_only_waits_is_given_up(pool: DecodePool) -> None:
    pool._wall_seconds, usual = 2.0, pool._wall_seconds
    calls: list[float] = []
    began = time.monotonic()
    try:
        with pytest.raises(PhotoError) as failure:
            pool.decode(photo(SLEEPS), thumbnail=False, alive=lambda: calls.append(time.monotonic()))
    finally:
        pool._wall_seconds = usual
    assert failure.value.code == "timeout"
    # Two seconds beyond its limit, and as many as a loaded machine may take for a kill.
    assert time.monotonic() - began < 30
    assert calls


def test_a_decoder_reaches_no_file_and_no_network(pool: DecodePool) -> None:
    tried = pool.decode(photo(OPENS), thumbnail=False).values
    assert set(tried) == {"read", "write", "connect"}
    assert set(tried.values()) == {os.strerror(24)}
    assert "no opening of files or connections" in pool.confinement()


def test_decoders_are_replaced_at_once_beside_good_photos(pool: DecodePool) -> None:
    good, bad = photo(90), photo(CRASHES)

    def attempt(n: int) -> Decoded | str:
        try:
            return pool.decode(bad if n % 5 == 0 else good, thumbnail=False)
        except PhotoError as error:
            return error.code

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(attempt, range(100)))
    assert [n for n, answer in enumerate(found) if answer == "poison"] == list(range(0, 100, 5))
    assert all(isinstance(answer, Decoded) for n, answer in enumerate(found) if n % 5)


def test_the_server_is_started_again(pool: DecodePool) -> None:
    pool.decode(photo(90), thumbnail=False)
    (server,) = pool.pids()
    os.kill(server, signal.SIGKILL)
    with ThreadPoolExecutor(4) as threads:
        # Whatever its decoder was doing: a photo does not fail for the server's end.
        made = threads.map(lambda _: pool.decode(photo(90), thumbnail=False).values, range(8))
        assert list(made) == [{"width": 90}] * 8
    assert pool.decode(photo(90), thumbnail=False).values == {"width": 90}
    assert pool.pids() != [server]


def strip_png(width: int, height: int) -> bytes:
    """A PNG of one colour: its header and one row say all."""
    rows = zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(height)), 9)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("size", [(30_000, 1), (1, 60_000), (65_000, 4)])
def test_a_strip_costs_what_its_middle_costs(pool: DecodePool, size: tuple[int, int]) -> None:
    assert pool.decode(strip_png(*size), thumbnail=True).arrays[0].shape == (SIZE, SIZE, 3)


def many_scans(scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    buffer = io.BytesIO()
    Image.new("RGB", (3000, 3000), "red").save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * scans + data[-2:]


def test_scans_are_counted_before_anything_is_decoded(pool: DecodePool) -> None:
    assert code(pool, many_scans(2000)) == "photo_too_costly"
    assert pool.decode(photo(90), thumbnail=False).values == {"width": 90}


def test_scans_are_counted_only_where_there_can_be_many() -> None:
    plain = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(plain, "JPEG")
    one = plain.getvalue()
    # Behind a scan with all components decoders read no other, so that none of this costs anything.
    assert jpeg_scans(one + b"\xff\xda" * 2000) == 1
    assert jpeg_scans(many_scans(2000)) > 2000
    # Sequential, but a scan for each component: more may follow.
    scan = jpeg_frame(one).scan  # type: ignore[union-attr]
    assert jpeg_scans(one[: scan + 4] + b"\x01" + one[scan + 5 :] + b"\xff\xda" * 9) == 10


def test_more_memory_than_all_may_have_is_refused_and_large_photos_take_turns() -> None:
    task = Task(SIZE, Limits(), (Preprocessing((SIZE, SIZE)).apply,), misbehave, Confinement(1 << 30, 20.0))
    pool = DecodePool(3, task, budget=200 << 20, wall_seconds=120)
    try:
        assert code(pool, strip_png(6000, 6000)) == "photo_too_costly"
        large = strip_png(4400, 4400)
        with ThreadPoolExecutor(3) as threads:
            assert len(list(threads.map(lambda _: pool.decode(large, thumbnail=False), range(6)))) == 6
        assert threading.active_count() < 50
    finally:
        pool.close()


def test_decoders_end_with_the_process_that_started_them(pool: DecodePool) -> None:
    pool.decode(photo(90), thumbnail=False)
    (server,) = pool.pids()
    decoders = psutil.Process(server).children()
    assert decoders
    os.kill(server, signal.SIGKILL)
    assert psutil.wait_procs(decoders, timeout=60)[1] == []


def test_a_photo_that_is_refused_its_memory_leaves_nothing_to_the_next(pool: DecodePool) -> None:
    large = strip_png(8200, 8200)
    for _ in range(3):
        assert code(pool, large) == "photo_too_costly"
    # Whoever gets a decoder that still had the large photo would be told of that one.
    assert [pool.decode(photo(width), thumbnail=False).values["width"] for width in (90, 91, 92)] == [90, 91, 92]


def test_a_caller_that_stops_waiting_leaves_nothing_to_the_next(pool: DecodePool) -> None:
    def stop() -> None:
        raise InterruptedError

    for _ in range(2):
        with pytest.raises(InterruptedError):
            pool.decode(photo(SLEEPS), thumbnail=False, alive=stop)
    assert [pool.decode(photo(width), thumbnail=False).values["width"] for width in (90, 91)] == [90, 91]


def test_a_codec_that_runs_out_of_memory_says_so(pool: DecodePool) -> None:
    # Deflated to almost nothing; what Pillow makes of it is more than is announced.
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((8000, 8000), np.float32)).save(buffer, "TIFF", compression="tiff_deflate")
    assert code(pool, buffer.getvalue()) == "photo_too_costly"
