"""A new version from an older one: samples set aside, put back, added. The older version stays as it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from shared.bank.manifest import Origin
from shared.bank.store import BankStore, thumb_name
from shared.core.errors import InvalidRequest, NotFound
from shared.core.names import normal
from shared.core.settings import Settings
from shared.curation.build import Photo, take_photos
from shared.curation.folder import Names, refuse_clashes
from shared.curation.texts import class_texts
from shared.curation.writer import Draft, Progress, normalised, sample_id, seal, silent
from shared.encoder.info import EncoderInfo

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
    measures: Mapping[str, Any] = field(default_factory=dict)


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
    #: `{"label", "zh", "en", "aliases"}` of classes that are new or named anew.
    classes: Sequence[dict[str, Any]] = ()


def derive(
    settings: Settings,
    parent: str | None,
    change: Change,
    *,
    encoder: Encoder | None = None,
    name: str = "",
    origin: Origin = Origin.ADD,
    progress: Progress = silent,
) -> str:
    """Makes a version from `parent` (None: the one in force) with `change`; returns it, not yet published.

    Raises NotFound (version or sample), InvalidRequest (`class_clash`, vectors of another dimension), BankError
    (`no_bank`, `bank_damaged`, `bank_vectors`, `bank_empty`, `bank_model_mismatch`), Unavailable("disk_full").
    """
    store = BankStore(settings)
    bank = store.load(parent)
    if encoder is not None:
        bank.require(encoder.info)
    draft = _draft_of(store, bank, change, name, origin)
    with store.new_folder() as target:
        _copy_thumbs(store.folder(bank.version), target)
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
            take_photos(draft, list(change.photos), encoder, settings, target, progress)
        draft.texts = _texts(bank, draft, settings)
        return seal(store, target, draft, progress)


def _draft_of(store: BankStore, bank: Bank, change: Change, name: str, origin: Origin) -> Draft:
    rows = store.samples(bank.version)
    aside_rows = store.aside(bank.version)
    aside_vectors = bank.aside_vectors(store.folder(bank.version))
    restored = set(change.restore)
    _require(set(change.aside), {row["id"] for row in rows}, "sample")
    _require(restored, {row["id"] for row in aside_rows}, "sample set aside")

    kept = [index for index, row in enumerate(rows) if row["id"] not in change.aside]
    gone = [index for index, row in enumerate(rows) if row["id"] in change.aside]
    back = [index for index, row in enumerate(aside_rows) if row["id"] in restored]
    still = [index for index, row in enumerate(aside_rows) if row["id"] not in restored]
    samples = [rows[i] for i in kept] + [_without_reason(aside_rows[i]) for i in back]
    vectors = [bank.vectors[kept], aside_vectors[back]]

    known = {row["id"] for row in samples} | {aside_rows[i]["id"] for i in still} | set(change.aside)
    repeated = 0
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
            {"id": identifier, "label": label, "name": sample.name, "sha256": sample.sha256}
            | {"thumb": bool(sample.jpeg), **sample.measures}
        )

    classes = _classes(bank, change, {row["label"] for row in samples} | {photo.label for photo in change.photos})
    return Draft(
        encoder=EncoderInfo(**bank.manifest["encoder"]),
        classes=classes,
        samples=samples,
        vectors=np.concatenate(vectors).astype(np.float16),
        aside=[aside_rows[i] for i in still] + [{**rows[i], "reason": change.aside[rows[i]["id"]]} for i in gone],
        aside_vectors=np.concatenate([aside_vectors[still], bank.vectors[gone]]).astype(np.float16),
        duplicates=repeated,
        name=name or str(bank.manifest["name"]),
        parent=bank.version,
        origin=origin,
    )


def _require(wanted: set[str], present: set[str], what: str) -> None:
    missing = sorted(wanted - present)
    if missing:
        raise NotFound(what=f"{what} {missing[0]}")


def _without_reason(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "reason"}


def _label(bank: Bank, wished: str) -> str:
    """One of the bank's own stays as it is, also where it was made before labels were cleaned."""
    return wished if any(entry["label"] == wished for entry in bank.classes) else normal(wished)


def _classes(bank: Bank, change: Change, needed: set[str]) -> list[dict[str, Any]]:
    """Names of all classes: the parent's, also of those that have no sample now, and the change's over them."""
    fields = ("label", "zh", "en", "aliases")
    entries = [*bank.manifest.get("unused_classes", []), *bank.classes]
    by_label = {entry["label"]: {key: entry[key] for key in fields} for entry in entries}
    by_label |= {normal(entry["label"]): {**entry, "label": normal(entry["label"])} for entry in change.classes}
    for label in sorted(needed - set(by_label)):
        by_label[label] = Names().of(label)
    refuse_clashes(sorted(by_label))
    return [by_label[label] for label in sorted(by_label)]


def _texts(bank: Bank, draft: Draft, settings: Settings) -> npt.NDArray[np.float32] | None:
    """Class-name embeddings: the parent's where names are the same, made anew for the others."""
    if bank.texts is None:
        return None
    old = {entry["label"]: (entry["en"], row) for entry, row in zip(bank.classes, bank.texts, strict=True)}
    new = [entry for entry in draft.classes if old.get(entry["label"], ("", None))[0] != entry["en"]]
    made = class_texts(new, draft.encoder, settings) if new else np.empty((0, bank.dim), np.float32)
    if made is None:
        return None
    fresh = {entry["label"]: row for entry, row in zip(new, made, strict=True)}
    return np.stack([fresh[e["label"]] if e["label"] in fresh else old[e["label"]][1] for e in draft.classes])


def _copy_thumbs(source: Path, target: Path) -> None:
    """Thumbnails of the parent, as hard links where the file system has them: they never change."""

    def link(here: str, there: str) -> None:
        try:
            os.link(here, there)
        except OSError:
            shutil.copyfile(here, there)

    if (source / "thumbs").is_dir():
        shutil.copytree(source / "thumbs", target / "thumbs", copy_function=link)
