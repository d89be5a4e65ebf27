"""What variants are chosen by: real leathers that are never trained on, and rendered classes held out whole."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from scripts.lab.train.augment import augment
from scripts.lab.train.photos import HELD, Photos

#: The side that the model is asked at.
SIDE = 224
Features = Callable[[Tensor], Tensor]


def photo(path: Path) -> NDArray[np.uint8]:
    """As open_clip's transform prepares it: the shorter side to SIDE, the middle cut out. [SIDE, SIDE, 3]."""
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    scale = SIDE / min(picture.size)
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BICUBIC)
    left, top = (picture.width - SIDE) // 2, (picture.height - SIDE) // 2
    return np.asarray(picture.crop((left, top, left + SIDE, top + SIDE)))


@cache
def folder(root: Path) -> tuple[Tensor, NDArray[np.str_]]:
    """A folder a class: uint8 [n, 3, SIDE, SIDE] and the labels."""
    files = sorted(path for path in root.glob("*/*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    pixels = torch.from_numpy(np.stack([photo(path) for path in files])).permute(0, 3, 1, 2)
    return pixels, np.array([path.parent.name for path in files])


@torch.no_grad()
def extract(features: Features, pixels: Tensor, device: str, batch: int = 256) -> Tensor:
    """Rows of features of uint8 photos [n, 3, h, w]."""
    parts = [features(part.to(device).float() / 255).float() for part in pixels.split(batch)]
    return torch.cat(parts)


@torch.no_grad()
def rendered(
    features: Features, photos: Photos, designs: NDArray[np.int64], *, strength: float, batch: int = 256
) -> tuple[Tensor, Tensor]:
    """Rows of features of all views of `designs`, each augmented once, as float16, and their designs."""
    rows = (designs[:, None] * photos.views + np.arange(photos.views)).ravel()
    parts = [
        features(augment(photos.batch(rows[k : k + batch]), SIDE, strength)).half() for k in range(0, len(rows), batch)
    ]
    return torch.cat(parts), torch.from_numpy(rows // photos.views).to(photos.pixels.device)


def nearest(bank: Tensor, bank_labels: NDArray[np.str_], queries: Tensor, labels: NDArray[np.str_]) -> float:
    """Share of queries whose nearest bank row (cosine) has their label."""
    cosines = torch.nn.functional.normalize(queries, dim=1) @ torch.nn.functional.normalize(bank, dim=1).T
    return float((bank_labels[cosines.argmax(1).cpu().numpy()] == labels).mean())


def same_design(rows: Tensor, designs: Tensor) -> float:
    """Share of photos whose nearest other photo (cosine) shows the same design."""
    unit = torch.nn.functional.normalize(rows.float(), dim=1)
    cosines = unit @ unit.T
    cosines.fill_diagonal_(-2)
    return float((designs[cosines.argmax(1)] == designs).float().mean())


def held_designs(photos: Photos, at_most: int) -> NDArray[np.int64]:
    """Designs of classes held out, the first ones."""
    return np.flatnonzero(np.isin(photos.classes, list(HELD)))[:at_most]
