"""What several views of each photo would bring to a bank: its own photos in every set of views, left out one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shared.bank.pictures import picture_name
from shared.bank.store import BankStore
from shared.core.chunked import chunked
from shared.core.encoder_info import told_apart
from shared.core.errors import BankError, InvalidRequest
from shared.core.settings import Settings, cores
from shared.curation.reports import ViewGain
from shared.curation.writer import Progress, silent
from shared.encoder import load_encoder
from shared.encoder.joined import normalise
from shared.encoder.protocol import from_transforms
from shared.encoder.views import SETS, View, seen
from shared.photos.decode import Limits, decode
from shared.ranking.fitting.baseline import baseline_ranks
from shared.ranking.fitting.bootstrap import PhotoBootstrap
from shared.ranking.fitting.fit import sample_for_evaluation
from shared.ranking.fitting.leave_out import LeaveOneOut

if TYPE_CHECKING:
    from shared.encoder import Encoder

#: Photos below which no difference can be told.
LEAST = 20
_VIEWS: tuple[View, ...] = tuple(dict.fromkeys(view for views in SETS.values() for view in views))


def view_gains(settings: Settings, store: BankStore, version: str, progress: Progress = silent) -> list[ViewGain]:
    """Top-1 of the bank's photos (its pictures of 1024 pixels, at most as many as the check asks) in each set of views,
    by the nearest sample, and the difference to one view. Encodes each picture nine times.

    Raises BankError("bank_model_mismatch"), InvalidRequest where too few samples have a picture, ModelError.
    """
    bank = store.load(version)
    rows = store.samples(version)
    owner = np.repeat(np.arange(len(bank.labels)), bank.counts)
    folder = store.folder(version)
    kept = [int(row) for row in sample_for_evaluation(owner) if (folder / picture_name(rows[row].id)).is_file()]
    if len(kept) < LEAST:
        raise InvalidRequest(reason=f"{len(kept)} samples of {version} have a picture; {LEAST} are needed")
    encoder = load_encoder(settings.model_copy(update={"views": "1"}), threads=settings.threads or cores())
    try:
        built = bank.manifest.encoder
        if not encoder.needs_pixels or seen(encoder.info, built.views).identity != built.identity:
            mine, other = told_apart(built, encoder.info)
            raise BankError("bank_model_mismatch", bank_model=mine, model=other)
        encoded = []
        for batch in chunked(kept, 16):
            encoded.append(_encoded(encoder, [(folder / picture_name(rows[row].id)).read_bytes() for row in batch]))
            progress("judging", sum(map(len, encoded)), len(kept))
    finally:
        encoder.close()
    return compare(np.concatenate(encoded), np.unique(owner[kept], return_inverse=True)[1])


def compare(vectors: npt.NDArray[np.float32], owner: npt.NDArray[np.int64]) -> list[ViewGain]:
    """From vectors [n, views, d] of all views of photos whose classes [n] ascend."""
    right: dict[str, npt.NDArray[np.bool_]] = {}
    groups = None
    for name, views in SETS.items():
        mean = normalise(vectors[:, [_VIEWS.index(view) for view in views]].mean(axis=1))
        # The same photos are copies of each other in every set, so that the same queries are asked.
        loo = LeaveOneOut.of(mean, owner, groups=groups)
        groups = loo.groups
        right[name] = baseline_ranks(loo, loo.asked, loo.truth, loo.photo) < 1
        photo = loo.photo
    found = []
    for name, views in SETS.items():
        low, high = PhotoBootstrap(photo).difference(right["1"], right[name])
        gain = float(right[name].mean() - right["1"].mean())
        found.append(
            ViewGain(
                views=name,
                photos=len(photo),
                top1=round(float(right[name].mean()), 4),
                gain=round(gain, 4),
                interval=(round(low, 4), round(high, 4)),
                cost=len(views),
            )
        )
    return found


def _encoded(encoder: Encoder, pictures: list[bytes]) -> npt.NDArray[np.float32]:
    """[n, views, d] of JPEG files."""
    photos = [decode(data, encoder.decode_size, Limits()) for data in pictures]
    batches = [
        [from_transforms([transform(view(photo)) for transform in encoder.transforms]) for photo in photos]
        for view in _VIEWS
    ]
    return np.stack([encoder.encode(batch) for batch in batches], axis=1)
