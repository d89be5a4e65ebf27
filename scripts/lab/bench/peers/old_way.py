"""The old way, as the desktop application did it: one photo at a time, torch in float32, open_clip's own transform."""

from __future__ import annotations

import sys

import open_clip
import torch
from PIL import Image
from serve import serve

model, _, transform = open_clip.create_model_and_transforms(sys.argv[1], pretrained=sys.argv[2])
model.eval()


def encode(photos: list[str]) -> list[torch.Tensor]:
    vectors = []
    with torch.no_grad():
        for photo in photos:
            pixels = transform(Image.open(photo).convert("RGB")).unsqueeze(0)
            vectors.append(model.encode_image(pixels, normalize=True)[0])
    return vectors


encode([])
serve(encode)
