"""What devices write and reviewers tried: pictures of any shape, 200 megapixels, a film behind the photo."""

from __future__ import annotations

import io
import signal
import struct
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
from PIL import Image

from shared.core.errors import PhotoError
from shared.core.settings import Settings
from shared.encoder.preprocessing import Preprocessing
from shared.photos.confinement import Confinement
from shared.photos.decode import Limits, decode_photo
from shared.photos.decode_pool import DecodePool
from shared.photos.decode_server import Task, no_values

SIZE = 64
RED, BLUE = (220, 30, 20), (20, 40, 210)


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    task = Task(2 * SIZE, Limits(), (Preprocessing((SIZE, SIZE)).apply,), no_values, Confinement(512 << 20, 2.0))
    pool = DecodePool(1, task, budget=512 << 20, wall_seconds=60)
    yield pool
    pool.close()


def saved(kind: str, width: int = 400, height: int = 300, colour: tuple[int, int, int] = RED) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (3, 3), (2, 500), (20_000, 10), (10, 20_000), (60_000, 1), (60_000, 4)]
)
def test_any_shape_fills_the_encoders_square(pool: DecodePool, kind: str, width: int, height: int) -> None:
    (found,) = pool.decode(saved(kind, width, height), thumbnail=False).arrays
    assert found.shape == (SIZE, SIZE, 3)
    assert np.abs(found.astype(int) - RED).max() < 12


def header(width: int, height: int) -> bytes:
    """A PNG of that size whose pixels are not there."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = saved("PNG")[:8] + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return start + struct.pack(">I", 1 << 20) + b"IDAT"


def code(data: bytes) -> str:
    with pytest.raises(PhotoError) as caught:
        decode_photo(data, SIZE, Limits.of(Settings()))
    return caught.value.code


def test_200_megapixels_are_not_too_many() -> None:
    # Samsung's
    assert code(header(16_320, 12_240)) == "truncated"
    assert code(header(17_000, 17_000)) == "too_many_pixels"


def test_too_large_an_avif_is_called_that_not_damaged() -> None:
    data = bytearray(saved("AVIF"))
    at = data.index(b"ispe")
    data[at + 8 : at + 16] = struct.pack(">II", 17_000, 17_000)
    assert code(bytes(data)) == "too_many_pixels"


def test_a_film_behind_the_photo_changes_nothing() -> None:
    # Pixel's .MP.jpg
    film = struct.pack(">I", 24) + b"ftypmp42\0\0\0\0mp42isom" + struct.pack(">I", 5000) + b"mdat" + bytes(4992)
    photo = decode_photo(saved("JPEG") + film, SIZE, Limits())
    assert photo.facts.notes == ()
    assert np.abs(photo.pixels.astype(int) - RED).max() < 12


def test_of_several_pictures_in_a_jpeg_the_first_counts() -> None:
    # MPO of stereo cameras, and the gain maps of phones
    out = io.BytesIO()
    first, second = (Image.new("RGB", (400, 300), colour) for colour in (RED, BLUE))
    first.save(out, "MPO", save_all=True, append_images=[second])
    photo = decode_photo(out.getvalue(), SIZE, Limits())
    assert photo.facts.size == (400, 300)
    assert np.abs(photo.pixels.astype(int) - RED).max() < 12


def test_a_decoder_that_gets_no_processor_time_is_waited_for(pool: DecodePool) -> None:
    pool.decode(saved("PNG"), thumbnail=False)
    ((server,), lost) = pool.pids(), pool.lost
    (decoder,) = psutil.Process(server).children()
    decoder.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(pool.decode, saved("JPEG"), thumbnail=False)
        # Longer than the processor time that it may use.
        time.sleep(3)
        assert not waiting.done()
        decoder.send_signal(signal.SIGCONT)
        assert waiting.result(60).arrays[0].shape == (SIZE, SIZE, 3)
    assert pool.lost == lost
