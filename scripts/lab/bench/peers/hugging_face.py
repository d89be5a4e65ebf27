"""The same ViT-B/32 as a Hugging Face CLIP folder: open_clip's weights under the other library's names."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

_LAYER = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}


def clip_folder(weights: str) -> Path:
    """Made beside the weights, once."""
    source = Path(weights)
    folder = source.with_name("hugging-face")
    if (folder / "tokenizer.json").exists() or (folder / "merges.txt").exists():
        return folder
    # Its defaults are ViT-B/32's sizes; open_clip's own training used the exact GELU.
    config = CLIPConfig(text_config={"hidden_act": "gelu"}, vision_config={"hidden_act": "gelu"}, projection_dim=512)
    model = CLIPModel(config)
    model.load_state_dict(_renamed(load_file(source)), strict=False)
    model.save_pretrained(folder)
    CLIPImageProcessor().save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps(json.loads((folder / "preprocessor_config.json").read_text()) | {"processor_class": "CLIPProcessor"})
    )
    _tokenizer(source.with_name("bpe_simple_vocab_16e6.txt.gz"), folder)
    return folder


def _renamed(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    renamed: dict[str, torch.Tensor] = {
        "logit_scale": state["logit_scale"],
        "text_projection.weight": state["text_projection"].T.contiguous(),
        "visual_projection.weight": state["visual.proj"].T.contiguous(),
        "text_model.embeddings.token_embedding.weight": state["token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": state["positional_embedding"],
        "vision_model.embeddings.class_embedding": state["visual.class_embedding"],
        "vision_model.embeddings.patch_embedding.weight": state["visual.conv1.weight"],
        "vision_model.embeddings.position_embedding.weight": state["visual.positional_embedding"],
    }
    for ours, theirs in (
        ("ln_final", "text_model.final_layer_norm"),
        ("visual.ln_pre", "vision_model.pre_layrnorm"),
        ("visual.ln_post", "vision_model.post_layernorm"),
    ):
        renamed |= {f"{theirs}.{kind}": state[f"{ours}.{kind}"] for kind in ("weight", "bias")}
    for ours, theirs in (("transformer", "text_model"), ("visual.transformer", "vision_model")):
        for number in range(12):
            at, to = f"{ours}.resblocks.{number}", f"{theirs}.encoder.layers.{number}"
            for kind in ("weight", "bias"):
                parts = state[f"{at}.attn.in_proj_{kind}"].chunk(3)
                for name, part in zip("qkv", parts, strict=True):
                    renamed[f"{to}.self_attn.{name}_proj.{kind}"] = part.contiguous()
                renamed |= {f"{to}.{b}.{kind}": state[f"{at}.{a}.{kind}"] for a, b in _LAYER.items()}
    return renamed


def _tokenizer(vocabulary: Path, folder: Path) -> None:
    """CLIP's byte pairs from open_clip's own file, copied beside the weights."""
    lines = gzip.decompress(vocabulary.read_bytes()).decode().split("\n")[1 : 49152 - 256 - 2 + 1]
    letters = list(_byte_letters())
    tokens = [*letters, *(letter + "</w>" for letter in letters), *("".join(line.split()) for line in lines)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    files: dict[str, Mapping[str, str | int]] = {
        "vocab.json": {token: number for number, token in enumerate(tokens)},
        "tokenizer_config.json": {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n", encoding="utf-8")


def _byte_letters() -> list[str]:
    """A printable letter for each byte, as CLIP's tokenizer orders them."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(byte) for byte in plain] + [chr(256 + n) for n in range(256 - len(plain))]
