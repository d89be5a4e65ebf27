"""Banks of made-up vectors: classes that cluster, with the faults that real banks have."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.bank.measures import Measures
from shared.bank.samples import Sample
from shared.bank.store import BankStore
from shared.core.encoder_info import EncoderInfo
from shared.core.settings import Settings
from shared.curation.folder import Names
from shared.curation.writer import Draft, sample_id, seal
from shared.encoder import describe

DIM = 32
#: As a real encoder would say, so that banks learn from their vectors.
INFO = EncoderInfo("made-up", "0123456789abcdef", "f32", "openvino", DIM, 224)


def clustered(classes: int = 12, each: int = 6, spread: float = 0.25, seed: int = 7) -> npt.NDArray[np.float32]:
    """[classes, each, DIM] unit vectors around one centre a class."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, 1, DIM))
    rows = centres / np.linalg.norm(centres, axis=2, keepdims=True) + spread * rng.normal(size=(classes, each, DIM)) / 2
    return (rows / np.linalg.norm(rows, axis=2, keepdims=True)).astype(np.float32)


def by_label(vectors: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
    return {f"class-{number:02d}": rows for number, rows in enumerate(vectors)}


def make_bank(
    settings: Settings,
    arrays: dict[str, npt.NDArray[np.float32]],
    measures: dict[str, dict[str, Any]] | None = None,
    names: Names | None = None,
) -> str:
    """A published version whose sample `label[i]` is row i of `arrays[label]`; `measures` by that name."""
    store = BankStore(settings)
    samples = []
    for label, rows in arrays.items():
        for number in range(len(rows)):
            name = f"{label}[{number}]"
            sha = hashlib.sha256(name.encode()).hexdigest()
            measured = Measures.from_json((measures or {}).get(name, {}))
            samples.append(Sample(sample_id(label, sha), label, name, sha, measures=measured))
    with store.new_folder() as target:
        draft = Draft(
            encoder=INFO,
            classes=[(names or Names()).of(label) for label in arrays],
            samples=samples,
            vectors=np.concatenate(list(arrays.values())).astype(np.float16),
        )
        version = seal(store, target, draft)
    store.publish(version)
    return version


def names_of(settings: Settings, version: str) -> dict[str, str]:
    """Sample id → name."""
    return {row.id: row.name for row in BankStore(settings).samples(version)}


def save_npz(path: Path, arrays: dict[str, Any]) -> Path:
    np.savez(path, **arrays)
    return path


def make_large_bank(
    settings: Settings, classes: int = 350, each: int = 60, name: str = "", publish: bool = True, dim: int = 0
) -> str:
    """A version of so many generated samples, more than are compared with every photo, that the null engine uses.

    `dim`: of the vectors (0: of the settings' model).
    """
    info = describe(settings.model_copy(update={"engine": "null"}))
    info = replace(info, dim=dim or info.dim)
    rng = np.random.default_rng(classes + each)
    centres = rng.normal(size=(classes, 1, info.dim))
    rows = (centres + 1.5 * rng.normal(size=(classes, each, info.dim))).reshape(-1, info.dim)
    store = BankStore(settings)
    labels = [f"class-{number:04d}" for number in range(classes)]
    with store.new_folder() as target:
        draft = Draft(
            encoder=info,
            classes=[Names().of(label) for label in labels],
            samples=[
                Sample(f"{number:016x}", labels[number // each], f"{number}", f"{number:064x}")
                for number in range(len(rows))
            ],
            vectors=(rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16),
            name=name,
        )
        version = seal(store, target, draft)
    if publish:
        store.publish(version)
    return version
