"""Puts the embedded model together: convolution, discriminants in closed form, structure net and texts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from scripts.lab.train import discriminant, judge, measure
from scripts.lab.train.meaning import Meaning
from scripts.lab.train.photos import Photos
from shared.encoder import architectures
from shared.encoder.architectures.tower import COLOUR, LOOK, TEXTURE, FabricTower

ARCHITECTURE = "weft-fabric"
#: Shares of texture, colour, look and structure in an embedding's squared length.
SHARES = (0.30, 0.15, 0.35, 0.20)


@dataclass(slots=True)
class Fitted:
    """An open_clip model in the making."""

    model: Any
    tokenize: Any

    @property
    def tower(self) -> FabricTower:
        tower: FabricTower = self.model.visual.trunk
        return tower

    def save(self, path: Path) -> None:
        """fp16 safetensors, as open_clip loads them."""
        state = {name: value.detach().cpu().half().contiguous() for name, value in self.model.state_dict().items()}
        part = path.with_suffix(".part")
        save_file(state, str(part), metadata={"format": "pt"})
        part.rename(path)


def new(device: str, convolution: dict[str, Tensor] | None, shares: tuple[float, ...] = SHARES) -> Fitted:
    """The model with seeded weights, and the convolution's if there are any."""
    architectures.register()
    torch.manual_seed(7)
    model = open_clip.create_model(ARCHITECTURE).to(device).eval()
    fitted = Fitted(model, open_clip.get_tokenizer(ARCHITECTURE))
    if convolution is not None:
        fitted.tower.convolution.load_state_dict(convolution)
    fitted.tower.shares.data.copy_(torch.tensor(shares))
    return fitted


def _set(layer: nn.Linear, found: discriminant.Discriminant) -> None:
    axes = found.axes.T / found.axes.norm(dim=0).mean()  # the part is normalised later: keep fp16 in its range
    layer.weight.data.copy_(axes)
    layer.bias.data.copy_(-axes @ found.mean)
    layer.requires_grad_(False)


def close(tower: FabricTower, rows: Tensor, designs: Tensor, ridge: float = 0.1, components: int = 900) -> None:
    """Sets discriminants and standardisation from rows of features [n, sum(columns)]: no gradient reaches them."""
    parts = (
        (tower.texture, TEXTURE, False, ridge),
        (tower.colour, COLOUR, False, 0.3),
        (tower.look, LOOK, True, ridge),
    )
    for (layer, width, even, share), columns in zip(parts, rows.split(tower.columns, 1), strict=True):
        found = discriminant.fit(columns, designs, width, ridge=share, components=components, even=even)
        _set(layer, found)
    spread = torch.cat([part.float().std(0) for part in rows.split(1024, 1)])
    floor = torch.cat([torch.full_like(part, float(part.mean())) for part in spread.split(tower.columns)])
    tower.centre.data.copy_(torch.cat([part.float().mean(0) for part in rows.split(1024, 1)]))
    tower.scale.data.copy_(1 / (spread + 0.25 * floor))


def learn(
    fitted: Fitted,
    rows: Tensor,
    designs: Tensor,
    photos: Photos,
    captions: NDArray[np.int16],
    *,
    seconds: float,
    steps: int,
) -> Meaning:
    """Trains structure net and texts on kept rows [n, sum(columns)] of designs [n] of `photos`."""
    index = designs.cpu().numpy()
    places = np.array([seed - photos.first for _, seed in photos.keys])
    meaning = Meaning(fitted.model, fitted.tokenize, rows, photos.classes[index], places[index], captions)
    meaning.train(seconds=seconds, steps=steps)
    return meaning


@torch.no_grad()
def figures(
    fitted: Fitted, meaning: Meaning, device: str, evaluation: Photos | None, leather: Path | None
) -> dict[str, float]:
    """Figures of the whole on rendered seeds never trained on (one view a design) and on real leathers."""
    tower = fitted.tower
    found: dict[str, float] = {}
    if evaluation is not None:
        rows = judge.extract(tower.features, evaluation.pixels[: evaluation.designs].permute(0, 3, 1, 2), device)
        parts = [part.cpu().numpy() for part in tower.parts(rows)]
        vectors = np.concatenate([part * float(tower.shares[k].sqrt()) for k, part in enumerate(parts)], 1)
        sample, fused = measure.few_shot(vectors, evaluation.classes)
        found |= {"rendered_8_shot_sample": sample, "rendered_8_shot_fused": fused}
        for language, texts in meaning.class_vectors().items():
            found[f"zero_shot_{language}"] = measure.zero_shot(parts[3], evaluation.classes, texts)
    if leather is not None:
        found |= leathers(tower, device, leather)
    return found


@torch.no_grad()
def leathers(tower: FabricTower, device: str, root: Path) -> dict[str, float]:
    """Nearest-sample accuracy on real leathers: of the whole and of every part."""
    (bank, bank_labels), (queries, labels) = judge.folder(root / "train"), judge.folder(root / "test")
    known, asked = (judge.extract(tower.features, pixels, device) for pixels in (bank, queries))
    found = {"leather": judge.nearest(tower.embed(known), bank_labels, tower.embed(asked), labels)}
    names = ("texture", "colour", "look", "structure")
    for name, one, other in zip(names, tower.parts(known), tower.parts(asked), strict=True):
        found[f"leather_{name}"] = judge.nearest(one, bank_labels, other, labels)
    return found
