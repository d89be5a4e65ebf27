"""Finishes trained weights for the repository: `python -m scripts.lab.train.ship TRAINED.safetensors OUT.safetensors`.

Sets the parts' shares (`fit.SHARES`) and the temperature of zero-shot answers: the least log-loss on rendered photos of
seeds below the training seeds, which is what OpenAI's CLIP calls `logit_scale` and the product reads there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from torch import Tensor

from scripts.lab.train import fit, judge
from scripts.lab.train.captions import names
from scripts.lab.train.meaning import PROMPTS
from scripts.render import CLASSES, render


@torch.no_grad()
def zero_shot_cosines(fitted: fit.Fitted, pixels: Tensor, language: int) -> Tensor:
    """Cosines of uint8 photos [n, 3, h, w] to the names of all classes, 0 English or 1 Chinese: [n, classes]."""
    rows = judge.extract(lambda rgb: fitted.tower.embed(fitted.tower.features(rgb)), pixels, "cpu", 64)
    prompts = list(PROMPTS.values())[language]
    written = [prompt.format(names(klass)[language][0]) for klass in CLASSES for prompt in prompts]
    texts = fitted.model.encode_text(fitted.tokenize(written), normalize=True)
    means = texts.reshape(len(CLASSES), len(prompts), -1).mean(1)
    return torch.nn.functional.normalize(rows, dim=1) @ torch.nn.functional.normalize(means, dim=1).T


def best_scale(cosines: Tensor, classes: NDArray[np.int64]) -> float:
    """The factor of the cosines at which their softmax has the least log-loss."""
    truth = torch.from_numpy(classes)
    scales = np.geomspace(1, 100, 200)
    losses = [float(torch.nn.functional.cross_entropy(cosines * float(scale), truth)) for scale in scales]
    return float(scales[int(np.argmin(losses))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trained", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=8, help="photos per class that the temperature is found on")
    options = parser.parse_args()
    fitted = fit.new("cpu", None)
    open_clip.load_checkpoint(fitted.model, str(options.trained), weights_only=True)
    fitted.tower.shares.data.copy_(torch.tensor(fit.SHARES))
    photos = [render(name, seed) for name in CLASSES for seed in range(options.seeds)]
    pixels = torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2)
    classes = np.repeat(np.arange(len(CLASSES)), options.seeds)
    both = torch.cat([zero_shot_cosines(fitted, pixels, language) for language in (0, 1)])
    scale = best_scale(both, np.concatenate([classes, classes]))
    fitted.model.logit_scale.data.fill_(float(np.log(scale)))
    fitted.save(options.out)
    print(f"shares {fit.SHARES}, scale {scale:.1f}")


if __name__ == "__main__":
    main()
