"""Jina's clip-server: its own executor with its own preprocessing, called without gRPC between, torch, batch 32."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import torch
from clip_server.executors.clip_torch import CLIPEncoder
from clip_server.model import openclip_model
from docarray import Document, DocumentArray
from safetensors.torch import load_file
from serve import serve

#: A name that it knows, of the same architecture: what it would download is replaced by our weights.
NAME = "ViT-B-32::laion2b-s34b-b79k"

source = Path(sys.argv[2])
checkpoint = source.with_suffix(".bin")
if not checkpoint.exists():
    torch.save(load_file(source), checkpoint)
openclip_model.download_model = lambda *_, **__: str(checkpoint)
encoder = CLIPEncoder(name=NAME, device="cpu", minibatch_size=32)
loop = asyncio.new_event_loop()


def encode(photos: list[str]) -> Any:
    documents = DocumentArray([Document(uri=photo) for photo in photos])
    loop.run_until_complete(encoder.encode(documents, parameters={"access_paths": "@r"}))
    return documents.embeddings


serve(encode)
