"""The script that most people write: batches of 32, a DataLoader with a worker a core, torch in float32."""

from __future__ import annotations

import os
import sys
from typing import Any

import open_clip
import torch
from PIL import Image
from serve import serve

model, _, transform = open_clip.create_model_and_transforms(sys.argv[1], pretrained=sys.argv[2])
device = "cuda" if torch.cuda.is_available() else "cpu"
model.eval().to(device)


class Photos(torch.utils.data.Dataset[Any]):
    def __init__(self, paths: list[str]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Any:
        return transform(Image.open(self._paths[index]).convert("RGB"))


def encode(photos: list[str]) -> list[torch.Tensor]:
    loader = torch.utils.data.DataLoader(Photos(photos), batch_size=32, num_workers=os.cpu_count() or 1)
    with torch.no_grad():
        return [vector for batch in loader for vector in model.encode_image(batch.to(device), normalize=True)]


serve(encode)
