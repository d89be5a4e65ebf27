"""A new version from an older one: samples set aside, put back, added. The older version stays as it is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from shared.bank.manifest import VECTORS, ClassEntry, Origin
from shared.bank.measures import Measures
from shared.bank.pictures import PICTURES, THUMBS, picture_name, thumb_name
from shared.bank.sample_rows import INDEX, write_index
from shared.bank.samples import Sample
from shared.bank.store import BankStore
from shared.core.errors import InvalidRequest
from shared.core.files import link_or_copy
from shared.core.names import normal
from shared.core.settings import Settings
from shared.curation.build import Photo, take_photos
from shared.curation.derived_rows import DerivedRows, Kept
from shared.curation.folder import Names, refuse_clashes
from shared.curation.photo_limits import learn
from shared.curation.row_files import pictures_measured
from shared.curation.texts import class_texts, same_names
from shared.curation.writer import Draft, Progress, divide, finish, normalised, sample_id, silent
from shared.ranking.fitting.fit import LARGE

if TYPE_CHECKING:
    from shared.bank.bank import Bank
    from shared.encoder import Encoder


@dataclass(frozen=True)
class NewSample:
    """A sample whose vector is already known, e.g. a corrected photo of a job."""

    label: str
    name: str
    sha256: str
    #: [d], of the bank's own encoder; any length but zero.
    vector: npt.NDArray[Any]
    #: Thumbnail, JPEG; empty where there is none.
    jpeg: bytes = b""
    measures: Measures | None = None


@dataclass(frozen=True)
class Change:
    """What to change. Ids that appear nowhere are refused, so that nothing is silently left undone."""

    #: Sample id → reason, for samples to set aside.
    aside: Mapping[str, str] = field(default_factory=dict)
    #: Ids of samples set aside earlier, to put back.
    restore: Sequence[str] = ()
    add: Sequence[NewSample] = ()
    #: Photos to encode and add; they need an encoder.
    photos: Sequence[Photo] = ()
    #: Classes that are new or named again.
    classes: Sequence[ClassEntry] = ()
    #: Sample id → label of the class that it belongs to; also of samples set aside.
    move: Mapping[str, str] = field(default_factory=dict)
    #: Labels of classes to remove; what samples they have left are set aside.
    remove: Sequence[str] = ()


def derive(
    settings: Settings,
    parent: str | None,
    change: Change,
    *,
    encoder: Encoder | None = None,
    name: str | None = None,
    origin: Origin = Origin.ADD,
    progress: Progress = silent,
    by: str | None = None,
) -> str:
    """Makes a version from `parent` (None: the active one of the default bank) with `change`, in the same bank.

    Returns it, not yet published.

    `name`: the version's (None: the parent's). `by`: who asks for it.

    Raises NotFound (version or sample), InvalidRequest (`class_clash`, vectors of another dimension), BankError
    (`no_bank`, `bank_damaged`, `bank_vectors`, `bank_empty`, `bank_model_mismatch`), Unavailable("disk_full").
    """
    store = BankStore(settings).of_version(parent)
    bank = store.load(parent)
    if encoder is not None:
        bank.require(encoder.info)
    rows = DerivedRows(store, bank, aside=change.aside, restore=change.restore, move=change.move, remove=change.remove)
    draft = replace(_draft_of(bank, change, rows, name, origin), by=by)
    with store.new_folder() as target:
        _copy_thumbs(store.folder(bank.version), target)
        for before, after in rows.renamed.items():
            _rename_thumbs(target, before, after)
        for sample in change.add:
            if sample.jpeg:
                path = target / thumb_name(sample_id(_label(bank, sample.label), sample.sha256))
                path.parent.mkdir(parents=True, exist_ok=True)
                # The parent's file may be the same inode: never write into it.
                path.unlink(missing_ok=True)
                path.write_bytes(sample.jpeg)
        if change.photos:
            if encoder is None:
                raise ValueError("photos need an encoder")
            take_photos(draft, list(change.photos), encoder, settings, target, progress, rows.among)
        draft.texts = _texts(bank, draft, settings)
        return _sealed(store, target, bank, draft, rows, progress)


def _sealed(store: BankStore, target: Path, bank: Bank, draft: Draft, rows: DerivedRows, progress: Progress) -> str:
    """Writes the rows of a version, the draft's among them, and keeps it. Returns and raises as `writer.seal`."""
    labels = sorted(entry.label for entry in draft.classes)
    aside, labels_aside = rows.write_aside(target)
    # A class without any sample left, as a merged one, cannot come back.
    draft.removed = [entry for entry in _entries(bank) if entry.label in labels_aside - set(labels)]
    added = [Kept(sample, vector) for sample, vector in zip(draft.samples, draft.vectors, strict=True)]
    written = rows.write(target, labels, added)
    counts = np.array(written.counts, np.int64)
    divided = divide(draft, counts, written.of_small)
    more: tuple[str, ...] = ()
    if counts.sum() > LARGE:
        write_index(target / INDEX, [0, *np.array(written.ends)[counts > 0].tolist()])
        more = (INDEX,)
    vectors = np.load(target / VECTORS, mmap_mode="r", allow_pickle=False)
    made = divided.with_rows(vectors, more, learn(pictures_measured(target)), aside)
    return finish(store, target, draft, made, divided.warnings, progress)


def _draft_of(bank: Bank, change: Change, rows: DerivedRows, name: str | None, origin: Origin) -> Draft:
    """The version without the parent's samples: those that are added, and all classes."""
    samples: list[Sample] = []
    vectors = [np.empty((0, bank.dim), np.float16)]
    repeated = rows.repeated
    known = rows.among({sample_id(_label(bank, sample.label), sample.sha256) for sample in change.add})
    for sample in change.add:
        label = _label(bank, sample.label)
        identifier = sample_id(label, sample.sha256)
        if identifier in known:
            repeated += 1
            continue
        known.add(identifier)
        vector = normalised(np.asarray(sample.vector, np.float32).reshape(1, -1))
        if vector.shape[1] != bank.dim:
            raise InvalidRequest(reason=f"a vector of {vector.shape[1]} numbers; the bank's have {bank.dim}")
        vectors.append(vector.astype(np.float16))
        samples.append(
            Sample(identifier, label, sample.name, sample.sha256, thumb=bool(sample.jpeg), measures=sample.measures)
        )
    needed = rows.arriving() | {row.label for row in samples} | {photo.label for photo in change.photos}
    return Draft(
        encoder=bank.manifest.encoder,
        classes=_classes(bank, change, needed),
        samples=samples,
        vectors=np.concatenate(vectors),
        duplicates=repeated,
        name=bank.manifest.name if name is None else name,
        parent=bank.version,
        origin=origin,
        colour=bank.manifest.colour,
    )


def _label(bank: Bank, wished: str) -> str:
    """One of the bank's own stays as it is, also where it was made before labels were cleaned."""
    return wished if any(entry.label == wished for entry in bank.classes) else normal(wished)


def _classes(bank: Bank, change: Change, needed: set[str]) -> list[ClassEntry]:
    """Names of all classes: the parent's, also of those that have no sample now, and the change's over them."""
    removed = {entry.label: entry for entry in bank.manifest.removed_classes}
    by_label = {entry.label: entry for entry in _entries(bank) if entry.label not in removed}
    for entry in change.classes:
        label = normal(entry.label)
        by_label[label] = entry.model_copy(update={"label": label})
    for label in change.remove:
        by_label.pop(label, None)
    for label in sorted(needed - set(by_label)):
        by_label[label] = removed.get(label) or Names().of(label)
    refuse_clashes(sorted(by_label))
    return [by_label[label] for label in sorted(by_label)]


def _entries(bank: Bank) -> list[ClassEntry]:
    """All classes that the bank knows of: with samples, without, and removed ones."""
    known = bank.manifest
    entries = [*known.removed_classes, *known.unused_classes, *bank.classes]
    return list({entry.label: entry.without_count() for entry in entries}.values())


def _texts(bank: Bank, draft: Draft, settings: Settings) -> npt.NDArray[np.float32] | None:
    """Class-name embeddings: the parent's where names are the same, made again for the others."""
    if bank.texts is None:
        draft.names_unused = bank.manifest.names_unused
        return None
    old = {entry.label: (entry, row) for entry, row in zip(bank.classes, bank.texts, strict=True)}
    new = [
        entry
        for entry in draft.classes
        if entry.label not in old or not same_names(old[entry.label][0], entry, settings)
    ]
    made = np.empty((0, bank.dim), np.float32)
    if new:
        rows, draft.names_unused = class_texts(new, draft.encoder, settings)
        if rows is None:
            return None
        made = rows
    fresh = {entry.label: row for entry, row in zip(new, made, strict=True)}
    return np.stack([fresh[e.label] if e.label in fresh else old[e.label][1] for e in draft.classes])


def _rename_thumbs(target: Path, old: str, new: str) -> None:
    """The pictures of a sample that has another id now."""
    for name in (thumb_name, picture_name) if old != new else ():
        if (target / name(old)).is_file():
            (target / name(new)).parent.mkdir(parents=True, exist_ok=True)
            (target / name(old)).replace(target / name(new))


def _copy_thumbs(source: Path, target: Path) -> None:
    """Thumbnails of the parent, as hard links where the file system has them: they never change."""
    for folder in (THUMBS, PICTURES):
        if (source / folder).is_dir():
            shutil.copytree(source / folder, target / folder, copy_function=link_or_copy)
