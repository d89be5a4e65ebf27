"""A labelled folder (one folder per class) ranked by a bank, exactly as a worker would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from scripts.cli.evaluate.outcome import Outcomes
from shared.bank.bank import Bank
from shared.bank.class_names import ClassNames
from shared.bank.manifest import Skipped
from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.curation.build import Photo, prepared_photos
from shared.curation.folder import read_classes
from shared.encoder import Encoder
from shared.ranking.model import Preset, Ranking
from shared.ranking.ranker import rank


def judge(
    bank: Bank, folder: Path, encoder: Encoder, settings: Settings, preset: Preset, progress: Callable[[int, int], None]
) -> tuple[Outcomes, list[Skipped], list[str]]:
    """Outcomes of all photos whose class the bank has, the photos that could not be read, and the unknown classes.

    Raises InvalidRequest (`folder_missing`, `folder_empty`, `class_clash`; no class of the folder is in the bank),
    BankError("bank_model_mismatch").
    """
    bank.require(encoder.info)
    names = ClassNames(bank.manifest.classes)
    classes = [(entry, names.resolve(entry.label)) for entry in read_classes(folder)]
    unknown = [entry.label for entry, label in classes if label is None]
    photos = [Photo(label, name, path) for entry, label in classes if label for name, path in entry.photos]
    if not photos:
        raise InvalidRequest(reason=f"no class of {folder} is in the bank")
    truth: list[str] = []
    rankings: list[Ranking] = []
    skipped: list[Skipped] = []
    waiting: list[Photo] = []
    size = max(1, encoder.micro_batch)

    def flush() -> None:
        if not waiting:
            return
        if encoder.needs_pixels:
            vectors = encoder.encode([photo.prepared for photo in waiting])
        else:
            vectors = encoder.encode_hashes([photo.sha256 for photo in waiting])
        rankings.extend(rank(bank, np.asarray(vectors), preset))
        truth.extend(photo.label for photo in waiting)
        waiting.clear()

    for done, photo in enumerate(prepared_photos(photos, encoder, settings), 1):
        if photo.error is not None:
            skipped.append(Skipped(name=photo.name, code=photo.error.code, detail=photo.error.detail))
        else:
            waiting.append(photo)
        if len(waiting) >= size:
            flush()
        progress(done, len(photos))
    flush()
    return Outcomes.of(bank.labels, truth, rankings), skipped, unknown
