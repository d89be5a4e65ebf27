"""Makes a bank from a folder of photos: read, decode and measure in threads, encode in micro-batches, seal."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from shared.bank.manifest import ClassEntry, Skipped
from shared.bank.measures import Measures
from shared.bank.pictures import PICTURE_SIDE, picture_name, thumb_name
from shared.bank.samples import Sample
from shared.bank.store import BankStore
from shared.core.chunked import chunked
from shared.core.errors import PhotoError
from shared.core.settings import Settings, cores
from shared.curation.folder import read_classes, read_names
from shared.curation.quality import measure
from shared.curation.texts import class_texts
from shared.curation.writer import Draft, Halves, Progress, normalised, sample_id, seal, silent
from shared.photos.decode import Limits, decode
from shared.photos.regular_files import open_regular
from shared.photos.thumbnails import thumbnail

if TYPE_CHECKING:
    from shared.encoder import Encoder


@dataclass
class Photo:
    """A photo on its way into a bank; `error` is set where it cannot be used."""

    label: str
    name: str
    data: bytes | Path
    sha256: str = ""
    prepared: Any = None
    jpeg: bytes = b""
    #: JPEG of `PICTURE_SIDE` pixels.
    picture: bytes = b""
    measures: Measures | None = None
    error: PhotoError | None = None


def build_bank(
    folder: Path,
    encoder: Encoder,
    settings: Settings,
    progress: Progress = silent,
    name: str = "",
    limit: int = 0,
    bank: str | None = None,
    parents: bool = False,
) -> str:
    """Builds a version from `folder` (one folder per class) and returns it, not yet published.

    Unreadable photos are skipped and named in the manifest, the same bytes in one class are taken once. `limit` takes
    only so many photos of each class (0: all); `bank` is as for `build_from`, `parents` as for `read_classes`.

    Raises InvalidRequest (`folder_missing`, `folder_empty`, `class_clash`), NotFound for an unknown bank,
    BankError("bank_empty"), Unavailable("disk_full").
    """
    classes, names = read_classes(folder, parents), read_names(folder)
    photos = [Photo(c.label, name, path) for c in classes for name, path in c.photos[: limit or None]]
    entries = [names.of(entry.label, entry.parent) for entry in classes]
    return build_from(entries, photos, encoder, settings, progress, name=name, bank=bank)


def build_from(
    classes: Sequence[ClassEntry],
    photos: list[Photo],
    encoder: Encoder,
    settings: Settings,
    progress: Progress = silent,
    name: str = "",
    by: str | None = None,
    bank: str | None = None,
) -> str:
    """Builds a version of these classes and their photos and returns it, not yet published. `by`: who asks for it.

    `bank`: the bank that it belongs to, by id or name (None: the default one).

    Raises NotFound for an unknown bank, BankError("bank_empty"), Unavailable("disk_full").
    """
    store = BankStore(settings).of(bank)
    with store.new_folder() as target:
        draft = Draft(
            encoder=encoder.info,
            classes=list(classes),
            samples=[],
            vectors=np.empty((0, encoder.info.dim), np.float16),
            name=name,
            by=by,
        )
        take_photos(draft, photos, encoder, settings, target, progress)
        draft.texts, draft.names_unused = class_texts(draft.classes, encoder.info, settings)
        return seal(store, target, draft, progress)


def take_photos(
    draft: Draft,
    photos: list[Photo],
    encoder: Encoder,
    settings: Settings,
    target: Path,
    progress: Progress = silent,
    among: Callable[[set[str]], set[str]] = lambda ids: set(),
) -> None:
    """Adds photos to a draft, with thumbnails into `target`; bad ones are named, repeats counted.

    `among`: which of these ids there are already besides those of the draft's samples.
    """
    known = {sample.id for sample in draft.samples}
    rows: list[Halves] = [draft.vectors]
    done = 0
    for batch in chunked(prepared_photos(photos, encoder, settings), max(1, encoder.micro_batch)):
        good = []
        known |= among({sample_id(photo.label, photo.sha256) for photo in batch if photo.error is None})
        for photo in batch:
            identifier = sample_id(photo.label, photo.sha256)
            if photo.error is not None:
                draft.skipped.append(Skipped(name=photo.name, code=photo.error.code, detail=photo.error.detail))
            elif identifier in known:
                draft.duplicates += 1
            else:
                known.add(identifier)
                good.append((identifier, photo))
        if good:
            rows.append(_encode(encoder, [photo for _, photo in good]).astype(np.float16))
        for identifier, photo in good:
            draft.samples.append(_record(identifier, photo, target))
        done += len(batch)
        progress("reading", done, len(photos))
    draft.vectors = np.concatenate(rows)


def _encode(encoder: Encoder, photos: list[Photo]) -> npt.NDArray[np.float32]:
    if encoder.needs_pixels:
        return normalised(encoder.encode([photo.prepared for photo in photos]))
    return normalised(encoder.encode_hashes([photo.sha256 for photo in photos]))


def _record(identifier: str, photo: Photo, target: Path) -> Sample:
    for name, jpeg in ((thumb_name(identifier), photo.jpeg), (picture_name(identifier), photo.picture)):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg)
    return Sample(identifier, photo.label, photo.name, photo.sha256, thumb=True, measures=photo.measures)


def prepared_photos(photos: Iterable[Photo], encoder: Encoder, settings: Settings) -> Iterator[Photo]:
    """Photos in their order, decoded a little ahead by threads; memory holds a few micro-batches, never the folder."""
    threads = settings.threads or cores()
    ahead = 2 * max(threads, encoder.micro_batch)
    waiting: deque[Future[Photo]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="bank") as pool:
        try:
            for photo in photos:
                waiting.append(pool.submit(_prepare, photo, encoder, Limits.of(settings)))
                if len(waiting) >= ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _prepare(photo: Photo, encoder: Encoder, limits: Limits) -> Photo:
    try:
        data = photo.data if isinstance(photo.data, bytes) else _read(photo.data, limits)
        photo.sha256 = hashlib.sha256(data).hexdigest()
        rgb = decode(data, encoder.decode_size, limits)
        photo.jpeg = thumbnail(rgb)
        # Decoded anew: the vector is that of a photo as the workers decode it.
        photo.picture = thumbnail(decode(data, PICTURE_SIDE, limits), PICTURE_SIDE)
        photo.measures = measure(rgb)
        if encoder.needs_pixels:
            photo.prepared = encoder.prepare(rgb)
    except PhotoError as error:
        photo.error = error
    photo.data = b""
    return photo


def _read(path: Path, limits: Limits) -> bytes:
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > limits.bytes:
                raise PhotoError("too_large", limit=limits.bytes)
            return file.read()
    except FileNotFoundError as failure:
        raise PhotoError("missing_file") from failure
    except OSError as failure:
        raise PhotoError("unreadable", reason=failure.strerror or str(failure)) from failure
