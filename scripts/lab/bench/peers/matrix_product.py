"""The best rate of plain matrix products: argument float32 or bfloat16."""

from __future__ import annotations

import json
import sys
import time

import torch
from serve import answer

#: Sides of the squares, and the shapes of ViT-B/32's own products at 16 photos: (rows, inner, columns).
SHAPES = ((1024,) * 3, (2048,) * 3, (3072,) * 3, (800, 768, 3072), (800, 3072, 768))

kind = getattr(torch, sys.argv[1])
pairs = [
    (2 * m * k * n, torch.randn(m, k).to(kind), torch.randn(k, n).to(kind), torch.empty(m, n, dtype=kind))
    for m, k, n in SHAPES
]
with torch.inference_mode():
    for _, a, b, out in pairs:
        torch.mm(a, b, out=out)
    answer({})
    for line in sys.stdin:
        seconds = json.loads(line)["seconds"] / len(pairs)
        best = {"flops": 0.0, "wall": 1.0}
        for flops, a, b, out in pairs:
            # One product alone is too short to time: a tenth of a second's worth at once, and the best of these.
            count, began = 0, time.perf_counter()
            while time.perf_counter() - began < seconds or count < 3:
                torch.mm(a, b, out=out)
                count += 1
            wall = time.perf_counter() - began
            if flops * count / wall > best["flops"] / best["wall"]:
                best = {"flops": flops * count, "wall": wall}
        answer(best)
