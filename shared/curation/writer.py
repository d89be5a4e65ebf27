"""Turns a draft (classes, samples, vectors) into an immutable bank version."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.bank.manifest import (
    DEFAULT_BANK,
    ClassEntry,
    Counts,
    Finding,
    Manifest,
    NamesUnused,
    Origin,
    Skipped,
    seal_manifest,
)
from shared.bank.photo_gate import PhotoLimits
from shared.bank.sample_rows import INDEX, write_index
from shared.bank.samples import Sample
from shared.bank.store import BankStore
from shared.core import json_lines
from shared.core.encoder_info import COLOUR, EncoderInfo
from shared.core.engine_names import HASH_ENGINES
from shared.core.errors import BankError, InvalidRequest
from shared.core.names import fold
from shared.curation.photo_limits import learn
from shared.curation.sizes import size_warnings
from shared.ranking.fitting.fit import LARGE, fit_ranking
from shared.ranking.parents import parents_of

#: Called with (stage, done, total): `reading`, `choosing`… are the stages.
Progress = Callable[[str, int, int], None]

Halves = npt.NDArray[np.float16]
Ints = npt.NDArray[np.int64]


def silent(stage: str, done: int, total: int) -> None:
    """Progress for callers that show none."""


def sample_id(label: str, sha256: str) -> str:
    """Stable over versions: the same photo in the same class keeps its id, in two classes it has two."""
    return hashlib.sha256(f"{label}\0{sha256}".encode()).hexdigest()[:16]


@dataclass
class Draft:
    """A bank in the making. `samples[i]` describes `vectors[i]`; both in any order."""

    encoder: EncoderInfo
    #: Without counts.
    classes: list[ClassEntry]
    samples: list[Sample]
    #: [n, d] L2-normalised.
    vectors: Halves
    #: [C, d] class-name embeddings in the order of `classes`.
    texts: npt.NDArray[np.float32] | None = None
    #: Softmax temperature of cosines to class names, for a bank without any sample.
    text_temperature: float = 0.01
    #: `Manifest.names_unused`.
    names_unused: NamesUnused | None = None
    #: More are added when the bank is sealed.
    warnings: list[Finding] = field(default_factory=list)
    #: Photos that could not be read.
    skipped: list[Skipped] = field(default_factory=list)
    duplicates: int = 0
    name: str = ""
    parent: str | None = None
    origin: Origin = Origin.BUILD
    #: `Manifest.by`.
    by: str | None = None
    #: `Manifest.colour`.
    colour: int = COLOUR
    #: `Manifest.removed_classes`.
    removed: list[ClassEntry] = field(default_factory=list)


def normalised(vectors: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Rows [n, d] at length 1. Raises BankError("bank_vectors") for NaN, infinite or zero rows."""
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    bad = np.flatnonzero(~np.isfinite(lengths[:, 0]) | (lengths[:, 0] < 1e-6))
    if len(bad):
        raise BankError("bank_vectors", rows=len(bad), first=int(bad[0]))
    unit: npt.NDArray[np.float32] = rows / lengths
    return unit


def refuse_parents(classes: list[ClassEntry]) -> None:
    """Raises InvalidRequest("parent_is_class") for a parent whose label is that of a class."""
    labels = {fold(entry.label) for entry in classes}
    for entry in classes:
        if entry.parent is not None and fold(entry.parent.label) in labels:
            raise InvalidRequest("parent_is_class", label=entry.parent.label)


def seal(store: BankStore, folder: Path, draft: Draft, progress: Progress = silent) -> str:
    """Writes the draft into `folder` (from `store.new_folder()`, thumbnails already in it) and keeps it as a version of
    the store's bank.

    Returns the version; it is not published. Raises BankError("bank_empty"), InvalidRequest("parent_is_class"),
    Unavailable("disk_full").
    """
    labels = sorted(entry.label for entry in draft.classes)
    order_of = {label: index for index, label in enumerate(labels)}
    owner = np.array([order_of[sample.label] for sample in draft.samples], dtype=np.int64)
    counts = np.bincount(owner, minlength=len(labels)) if len(owner) else np.zeros(len(labels), np.int64)
    divided = divide(draft, counts, draft.samples)
    # Within a class by id: the same samples make the same arrays, whatever order they came in.
    order = sorted(range(len(draft.samples)), key=lambda i: (owner[i], draft.samples[i].id))
    samples = [draft.samples[i] for i in order]
    vectors = np.ascontiguousarray(draft.vectors[order], dtype=np.float16)
    np.save(folder / "vectors.npy", vectors, allow_pickle=False)
    np.save(folder / "ids.npy", np.array([sample.id for sample in samples], dtype="S16"), allow_pickle=False)
    lines = [json_lines.dump([row.to_json()]).encode() for row in samples]
    (folder / "samples.jsonl").write_bytes(b"".join(lines))
    more: tuple[str, ...] = ()
    if len(samples) > LARGE:
        starts = np.cumsum([0, *(entry.count for entry in divided.classes)])
        write_index(folder / INDEX, np.cumsum([0, *map(len, lines)])[starts].tolist())
        more = (INDEX,)
    limits = learn(sample.measures.picture for sample in samples if sample.measures)
    return finish(store, folder, draft, divided.with_rows(vectors, more, limits), divided.warnings, progress)


@dataclass(frozen=True)
class Divided:
    """A draft's classes by label: those with samples, numbered, and those without."""

    classes: list[ClassEntry]
    unused: list[ClassEntry]
    #: [N, d] embeddings of the names of `unused`.
    names: npt.NDArray[np.float32] | None
    warnings: list[Finding]

    def with_rows(self, vectors: Halves, more: tuple[str, ...], limits: PhotoLimits | None, aside: int = 0) -> Sorted:
        """With what `finish` needs to know of the rows."""
        return Sorted(self.classes, self.unused, self.names, vectors, more, limits, aside)


def divide(draft: Draft, counts: Ints, samples: Sequence[Sample]) -> Divided:
    """`counts`: [C] samples of each class by label. `samples`: as of `size_warnings`. Raises BankError("bank_empty").

    `draft.texts` becomes those of the classes with samples.
    """
    classes = sorted(draft.classes, key=lambda entry: entry.label)
    warnings = [*draft.warnings, *size_warnings(classes, counts, samples, named=draft.texts is not None)]
    names: npt.NDArray[np.float32] | None = None
    if draft.texts is not None:
        by_label = {entry.label: row for entry, row in zip(draft.classes, draft.texts, strict=True)}
        texts = np.stack([by_label[entry.label] for entry in classes])
        draft.texts, names = texts[counts > 0], texts[counts == 0]
    unused = [entry for entry, n in zip(classes, counts, strict=True) if not n]
    classes = [entry.numbered(int(n)) for entry, n in zip(classes, counts, strict=True) if n]
    if not classes and names is None:
        raise BankError("bank_empty")
    return Divided(classes, unused, names, warnings)


@dataclass(frozen=True)
class Sorted:
    """Samples as a version has them, by class and within a class by id, whose files are in its folder."""

    #: By label, numbered; those without samples, and [N, d] embeddings of their names.
    classes: list[ClassEntry]
    unused: list[ClassEntry]
    names: npt.NDArray[np.float32] | None
    #: [n, d], mapped or not.
    vectors: Halves
    #: Files besides `vectors.npy`, `ids.npy` and `samples.jsonl`.
    more: tuple[str, ...] = ()
    #: For photos, learnt from those of the samples.
    limits: PhotoLimits | None = None
    #: Samples set aside, whose `aside.jsonl` and `aside.npy` are in the folder.
    aside: int = 0


def finish(
    store: BankStore, folder: Path, draft: Draft, made: Sorted, warnings: list[Finding], progress: Progress = silent
) -> str:
    """Fits the ranking and seals the folder. `draft.texts`: of `made.classes`; its samples and vectors are not read.

    Returns and raises as `seal`.
    """
    classes, unused, names, vectors = made.classes, made.unused, made.names, made.vectors
    refuse_parents([*classes, *unused])
    owner = np.repeat(np.arange(len(classes)), [entry.count for entry in classes])
    fitted = fit_ranking(
        vectors,
        owner,
        tuple(entry.label for entry in classes),
        draft.texts,
        draft.encoder.engine not in HASH_ENGINES,
        lambda done, total: progress("choosing", done, total),
        draft.text_temperature,
        parents_of(classes)[0],
    )

    arrays: dict[str, npt.NDArray[Any] | None] = {
        "centroids.npy": fitted.centroids,
        "texts.npy": draft.texts,
        "linear.npy": fitted.linear,
        "names.npy": names if unused else None,
    }
    written = ["vectors.npy", "ids.npy"]
    for name, array in arrays.items():
        if array is not None:
            np.save(folder / name, array, allow_pickle=False)
            written.append(name)
    if made.aside:
        written.append("aside.npy")
    else:
        (folder / "aside.jsonl").write_bytes(b"")
    written += ["samples.jsonl", "aside.jsonl", *made.more]

    created = time.time()
    version = _version(draft.name, created, folder / "vectors.npy")
    counts_of = Counts(
        classes=len(classes),
        samples=len(vectors),
        aside=made.aside,
        skipped=len(draft.skipped),
        duplicates=draft.duplicates,
    )
    if names is not None and unused:
        counts_of = counts_of.model_copy(update={"named": len(unused)})
    manifest = Manifest(
        version=version,
        name=draft.name,
        created=created,
        origin=draft.origin,
        parent=draft.parent,
        model=draft.encoder.model,
        identity=draft.encoder.identity,
        encoder=draft.encoder,
        counts=counts_of,
        classes=classes,
        unused_classes=unused,
        ranking=fitted.fit,
        warnings=warnings,
        skipped=draft.skipped,
        colour=draft.colour,
    )
    if made.limits is not None:
        manifest = manifest.model_copy(update={"photo_limits": made.limits})
    if draft.names_unused is not None:
        manifest = manifest.model_copy(update={"names_unused": draft.names_unused})
    if store.bank != DEFAULT_BANK:
        manifest = manifest.model_copy(update={"bank": store.bank})
    if draft.by:
        manifest = manifest.model_copy(update={"by": draft.by})
    if draft.removed:
        manifest = manifest.model_copy(update={"removed_classes": draft.removed})
    seal_manifest(folder, manifest, written)
    store.keep(folder, version)
    return version


def _version(name: str, created: float, vectors: Path) -> str:
    """Sorts by time, tells versions of one second apart, and carries the user's name where it is plain enough."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40]
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(created))
    with vectors.open("rb") as file:
        digest = hashlib.sha256(f"{created!r}".encode() + file.read(65536)).hexdigest()[:6]
    return "-".join(part for part in (slug, stamp, digest) if part)
