"""A labelled folder (one folder per class) ranked by a bank, exactly as a worker would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scripts.cli.evaluate.outcome import Outcomes
from shared.bank.bank import Bank
from shared.bank.class_names import ClassNames
from shared.bank.manifest import Skipped
from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.curation.build import Photo, prepared_photos
from shared.curation.folder import read_classes
from shared.encoder import Encoder
from shared.ranking.fitting.groups import SAME, find_groups
from shared.ranking.model import Preset, Ranking
from shared.ranking.ranker import rank

#: Photos that are compared with each other to find near-duplicates; twice as many take four times as long.
_MOST_COMPARED = 30_000


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
    encoded: list[npt.NDArray[np.float32]] = []
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
        encoded.append(np.asarray(vectors, np.float32))
        rankings.extend(rank(bank, encoded[-1], preset))
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
    return Outcomes.of(bank.labels, truth, rankings, _groups(bank, encoded)), skipped, unknown


def _groups(bank: Bank, encoded: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.int64]:
    """[q] group of each photo: near-duplicates, as among the bank's samples, are one; very many count singly."""
    count = sum(map(len, encoded))
    if not 0 < count <= _MOST_COMPARED:
        return np.arange(count)
    same_above = bank.manifest.ranking.same_above
    return find_groups(
        np.concatenate(encoded), np.zeros(count, np.int64), SAME if same_above is None else same_above
    ).of
