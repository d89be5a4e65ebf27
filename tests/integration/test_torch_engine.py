"""The torch engine: what it leaves in the model store, its JPEG decoder, and, where there is a GPU, its graphs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.core.settings import Settings
from shared.encoder import describe, load_encoder
from shared.encoder.fidelity import cosines, encode_files, synthetic_photos
from shared.encoder.gpu_jpeg import GpuJpeg
from shared.encoder.spec import parse
from shared.encoder.store import ModelStore
from shared.photos.decode import Limits, decode

PHOTOS = synthetic_photos(6, seed=4)
# torch deprecates what open_clip and OpenVINO's frontend call
pytestmark = pytest.mark.filterwarnings("ignore")
on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A small CLIP of open_clip's own, seeded: nothing else says what it is but its weights file."""
    import open_clip
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("torch")
    torch.manual_seed(3)
    state = open_clip.create_model("ViT-S-32-alt", pretrained=None).state_dict()
    save_file({name: value.contiguous() for name, value in state.items()}, folder / "small.safetensors")
    return Settings(data_dir=folder, model=f"ViT-S-32-alt/{folder}/small.safetensors", engine="torch", threads=2)


def test_others_know_a_model_that_torch_loaded(model: Settings) -> None:
    encoder = load_encoder(model, threads=2)
    assert describe(model) == encoder.info
    part = parse(model.model)[0]
    manifest = ModelStore.of(model).find(part)
    assert manifest is not None
    assert not manifest.converted


def test_decoding_for_many_threads_gives_each_its_own_photo() -> None:
    reader = GpuJpeg(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda photo: decode(photo, 448, Limits(), reader), PHOTOS * 4))
    for pixels, photo in zip(found, PHOTOS * 4, strict=True):
        expected = decode(photo, 448, Limits())
        assert min(pixels.shape[:2]) == 448
        scaled = torch.nn.functional.interpolate(
            torch.from_numpy(expected.copy()).permute(2, 0, 1)[None].float(), size=pixels.shape[:2], mode="area"
        )
        assert np.abs(scaled[0].permute(1, 2, 0).numpy() - pixels).mean() < 12
    reader.close()


def test_what_it_cannot_read_is_left_to_the_cpu_and_holds_up_no_other() -> None:
    reader = GpuJpeg(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    broken = PHOTOS[0][:2] + b"\x00" * 500
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda data: reader(data, 224), [PHOTOS[1], broken, PHOTOS[2], broken]))
    assert [pixels is None for pixels in found] == [False, True, False, True]
    reader.close()


@on_gpu
@pytest.mark.parametrize("engine", ["torch", "torch-bf16"])
def test_the_gpu_agrees_with_torch_in_float32(model: Settings, engine: str, tmp_path: Path) -> None:
    from shared.encoder.check import against_torch

    settings = model.model_copy(update={"engine": engine})
    encoder = load_encoder(settings, threads=2, concurrent=True)
    assert (encoder.info.device, encoder.streams) == ("CUDA", 2)
    found = against_torch(settings, PHOTOS, encode_files(encoder, PHOTOS))
    assert found is not None
    assert found["min"] > 0.999
    encoder.close()


@on_gpu
def test_a_batch_of_any_size_gives_the_same_rows_from_any_stream(model: Settings) -> None:
    encoder = load_encoder(model, threads=2, concurrent=True)
    photos = [encoder.prepare(decode(photo, encoder.decode_size, Limits())) for photo in PHOTOS * 30]
    whole = encoder.encode(photos)
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(encoder.encode, [photos[:1], photos[1:4], photos[4:21], photos[21:]]))
    assert cosines(np.concatenate(parts), whole)["min"] > 0.9999
    encoder.close()


def test_a_micro_batch_is_filled_to_four_times_its_photos_at_the_most() -> None:
    from shared.encoder.cuda_lane import sizes

    assert sizes(64) == [1, 4, 16, 64]
    assert sizes(1) == [1]
    for batch in (2, 7, 100):
        found = sizes(batch)
        assert (found[0], found[-1]) == (1, batch)
        assert all(next(size for size in found if size >= count) < 4 * count for count in range(1, batch + 1))
