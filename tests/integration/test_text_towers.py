"""Class names get their vectors in a process of its own, also by tokenizers of the transformers library."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from scripts.lab.models_table import save_weights
from shared.core.errors import ModelError
from shared.core.settings import Settings
from shared.encoder import encode_texts
from shared.encoder.converter import ensure
from shared.encoder.spec import parse
from shared.encoder.store import ModelStore
from shared.encoder.text import temperature

pytestmark = pytest.mark.slow

NEEDS = pytest.mark.skipif(find_spec("transformers") is None, reason="transformers is not installed")
#: Its tower is open_clip's own, its tokenizer the hub's.
SIGLIP, TOKENIZER = "ViT-B-32-SigLIP2-256", "timm/ViT-B-32-SigLIP2-256"


@pytest.fixture
def small(tmp_path: Path) -> Settings:
    weights = tmp_path / "small.safetensors"
    save_weights("ViT-S-32-alt", weights)
    return Settings(data_dir=tmp_path / "data", model=f"ViT-S-32-alt/{weights}")


def with_tokenizer(folder: Path) -> None:
    """A tokenizer of a few words, as the hub's files lie in a folder."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(WordLevel({"<pad>": 0, "<eos>": 1, "<unk>": 2, "linen": 3, "亚麻": 4, "silk": 5}, "<unk>"))
    words.pre_tokenizer = Whitespace()
    made = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")
    made.save_pretrained(folder)


def test_the_caller_imports_no_torch(small: Settings) -> None:
    line = (
        "import sys\n"
        "from shared.core.settings import Settings\n"
        "from shared.encoder import encode_texts\n"
        f"print(encode_texts(Settings(data_dir={str(small.data_dir)!r}, model={small.model!r}), ['linen']).shape)\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["(1, 256)", "False"]


def test_they_are_open_clips_own(small: Settings) -> None:
    import open_clip
    import torch

    model = open_clip.create_model("ViT-S-32-alt", pretrained=small.model.partition("/")[2]).eval()
    texts = ["linen", "a photo of silk fabric."]
    with torch.inference_mode():
        wanted = model.encode_text(open_clip.get_tokenizer("ViT-S-32-alt")(texts), normalize=True).numpy()
    np.testing.assert_allclose(encode_texts(small, texts), wanted, atol=1e-5)
    assert temperature(small) == pytest.approx(1 / float(model.logit_scale.detach().exp()))
    assert encode_texts(small, []).shape == (0, 256)


def test_a_model_of_another_library_says_what_it_needs(tmp_path: Path) -> None:
    weights = tmp_path / "siglip.safetensors"
    save_weights(SIGLIP, weights)
    settings = Settings(data_dir=tmp_path / "data", model=f"{SIGLIP}/{weights}")
    with pytest.raises(ModelError) as refused:
        encode_texts(settings, ["linen"])
    assert refused.value.code == (
        "model_tokenizer_missing" if find_spec("transformers") else "model_needs_transformers"
    )


@NEEDS
def test_a_tokenizer_is_taken_from_a_folder(tmp_path: Path) -> None:
    weights = tmp_path / "weights" / "siglip.safetensors"
    weights.parent.mkdir()
    save_weights(SIGLIP, weights)
    with_tokenizer(weights.parent / TOKENIZER)
    settings = Settings(data_dir=tmp_path / "data", model=f"{SIGLIP}/siglip.safetensors", model_dir=weights.parent)
    rows = encode_texts(settings, ["linen", "亚麻", "silk", "linen"])
    assert np.allclose(rows[0], rows[3])
    assert not np.allclose(rows[0], rows[1], atol=1e-3)


def test_photos_need_no_text_tower(tmp_path: Path) -> None:
    """The image tower of an architecture whose text tower is the transformers library's."""
    weights = tmp_path / "xlm.safetensors"
    save_weights("xlm-roberta-base-ViT-B-32", weights)
    settings = Settings(data_dir=tmp_path / "data", model=f"xlm-roberta-base-ViT-B-32/{weights}")
    found = ensure(ModelStore.of(settings), parse(settings.model)[0], lambda _: None)
    assert found.converted
    assert all(one["mean"] > 0.999 for one in found.fidelity.values())
