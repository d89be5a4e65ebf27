"""What merging tokens would bring a vision transformer: `python -m scripts.lab.token_merging [ARCH …]`.

"Token Merging: Your ViT But Faster" (Bolya et al., 2023, https://arxiv.org/abs/2210.09461) in torch, not in the
product: in every block the most alike of the patches' tokens are joined, and attention weighs a token by the patches in
it. Vectors of synthetic photos and CPU time, beside the same model without it. Weights are random, of the fixed seed:
their attention is nearly even, so what trained weights lose by it cannot be told from them.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image

from scripts.lab.models_table import SEED
from shared.encoder.fidelity import cosines, synthetic_photos
from shared.encoder.joined import normalise
from shared.photos.decode import Limits, decode

_ARCHITECTURES = ("ViT-B-32", "ViT-B-16")
#: Shares of the tokens that are gone behind the last block.
_SHARES = (0.25, 0.5)
_PHOTOS, _ROUNDS = 16, 3


class _Merging(torch.nn.Module):
    def __init__(self, block: Any, each: int, sizes: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.block, self.each, self.sizes = block, each, sizes

    def forward(self, tokens: torch.Tensor, **_unused: Any) -> torch.Tensor:
        """[n, tokens, width] → [n, tokens - `each`, width]"""
        block, count = self.block, tokens.shape[1]
        sizes = self.sizes.get("now")
        if sizes is None or sizes.shape[1] != count:
            sizes = tokens.new_ones(len(tokens), count)
        rows = block.ln_1(tokens)
        weights = sizes.log()[:, None, None].expand(-1, block.attn.num_heads, count, -1).flatten(0, 1)
        tokens = tokens + block.ls_1(block.attention(rows, rows, rows, attn_mask=weights))
        tokens, self.sizes["now"] = _merged(tokens, rows, sizes, min(self.each, (count - 1) // 2))
        merged: torch.Tensor = tokens + block.ls_2(block.mlp(block.ln_2(tokens)))
        return merged


def _merged(
    tokens: torch.Tensor, rows: torch.Tensor, sizes: torch.Tensor, each: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Joins `each` of every second patch's tokens with the most alike of the others; the class token stays."""
    alike = torch.nn.functional.normalize(rows[:, 1:], dim=-1)
    best, partner = (alike[:, ::2] @ alike[:, 1::2].mT).max(dim=-1)
    order = best.argsort(dim=-1, descending=True)
    gone, kept = order[:, :each], order[:, each:].sort(dim=-1).values
    weighed = tokens * sizes[..., None]
    first, second = (torch.cat([weighed, sizes[..., None]], dim=-1)[:, 1:][:, start::2] for start in (0, 1))
    wide = first.shape[-1]
    to = partner.gather(1, gone)[..., None].expand(-1, -1, wide)
    second = second.scatter_add(1, to, first.gather(1, gone[..., None].expand(-1, -1, wide)))
    first = first.gather(1, kept[..., None].expand(-1, -1, wide))
    both = torch.cat([first, second], dim=1)
    patches, counts = both[..., :-1] / both[..., -1:], both[..., -1]
    return torch.cat([tokens[:, :1], patches], dim=1), torch.cat([sizes[:, :1], counts], dim=1)


def _vectors(visual: Any, pixels: torch.Tensor) -> tuple[np.ndarray[Any, Any], float]:
    """Vectors [n, dim], and the CPU milliseconds per photo of the quickest of some rounds."""
    spent = []
    with torch.inference_mode():
        for _ in range(_ROUNDS):
            began = time.process_time()
            found = visual(pixels).numpy()
            spent.append(1000 * (time.process_time() - began) / len(pixels))
    return found, min(spent)


def measured(architecture: str) -> list[str]:
    """A row for each share."""
    torch.manual_seed(SEED)
    model, _, transform = open_clip.create_model_and_transforms(architecture, pretrained=None)
    visual = model.eval().visual
    pictures = [Image.fromarray(decode(photo, 448, Limits())) for photo in synthetic_photos(_PHOTOS, seed=7)]
    pixels = torch.stack([transform(picture) for picture in pictures])
    expected, plain = _vectors(visual, pixels)
    mean = normalise(expected).mean(axis=0)
    blocks = list(visual.transformer.resblocks)
    patches = visual.positional_embedding.shape[0] - 1
    rows = []
    for share in _SHARES:
        sizes: dict[str, torch.Tensor] = {}
        each = max(1, round(share * patches / len(blocks)))
        visual.transformer.resblocks = torch.nn.ModuleList(_Merging(block, each, sizes) for block in blocks)
        found, spent = _vectors(visual, pixels)
        near, centred = cosines(found, expected), cosines(normalise(found) - mean, normalise(expected) - mean)
        rows.append(
            f"| `{architecture}` | {patches} | {each} | {near['min']:.4f} · {centred['mean']:.3f} ·"
            f" {centred['min']:.3f} | {plain / spent:.2f} |"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architectures", nargs="*", default=_ARCHITECTURES)
    print("| architecture | patches | merged in each block | smallest cosine · centred, mean · smallest | speed |")
    print("|---|--:|--:|---|--:|")
    for architecture in parser.parse_args().architectures:
        print("\n".join(measured(architecture)), flush=True)


if __name__ == "__main__":
    main()
