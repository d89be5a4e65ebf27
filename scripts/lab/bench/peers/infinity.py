"""infinity-emb's engine (its own batching and threads, no HTTP between): torch, batch 32, best documented settings."""

from __future__ import annotations

import asyncio
import sys

from hugging_face import clip_folder
from infinity_emb import AsyncEmbeddingEngine, EngineArgs
from PIL import Image
from serve import serve

folder = clip_folder(sys.argv[2])
engine = AsyncEmbeddingEngine.from_args(
    EngineArgs(
        model_name_or_path=str(folder),
        engine="torch",
        device="cpu",
        batch_size=32,
        bettertransformer=False,
        model_warmup=False,
    )
)
loop = asyncio.new_event_loop()
loop.run_until_complete(engine.astart())


def encode(photos: list[str]) -> list[object]:
    # Opened here, decoded by the engine.
    vectors, _ = loop.run_until_complete(engine.image_embed(images=[Image.open(photo) for photo in photos]))
    return list(vectors)


serve(encode)
