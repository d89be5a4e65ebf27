"""The manifest of a bank version, which shows damage: sizes and digests of all its files. No numpy here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from shared.bank.photo_gate import PhotoLimits
from shared.bank.ranking_fit import RankingFit
from shared.core.documents import Document, parse_json
from shared.core.encoder_info import EncoderInfo
from shared.core.errors import BankError
from shared.core.files import fsync, sha256_of, write_atomic

MANIFEST = "manifest.json"
#: The samples' vectors, [n, d] float16; those of a large bank may lie on the bank server alone.
VECTORS = "vectors.npy"
#: Samples up to which every query is compared with all of them: 20,000 × 1,536 float32 take 123 MB.
DENSE_ROWS = 20_000
#: Raised when the layout of a version changes so that older code cannot read it.
FORMAT = 1


class Origin(StrEnum):
    """How a version came to be: the manifest's `origin`."""

    BUILD = "build"
    IMPORT = "import"
    CLEAN = "clean"
    CURATE = "curate"
    ADD = "add"
    RESTORE = "restore"
    NAMES = "names"
    #: Classes named, merged, moved or removed by hand.
    EDIT = "edit"
    #: Photos added to classes.
    PHOTOS = "photos"
    #: A version of another bank, which the bank began with.
    COPY = "copy"


#: The bank that every installation has: the only one until another is made (`shared.bank.banks`).
DEFAULT_BANK = "default"
#: Names of the banks that Weft builds itself, from rendered samples and from class names: a user's has another.
DEMO_NAME, NAMES_NAME = "demo", "names"


class Parent(Document):
    """A group of classes, which is the answer where the class is unsure: chiffon, of crinkle and pearl chiffon."""

    label: str
    zh: str = ""
    en: str = ""


class ClassEntry(Document):
    """A class's label, its names, and how many samples it has."""

    label: str
    zh: str = ""
    en: str = ""
    aliases: list[str] = Field(default_factory=list)
    #: Not given for a class without a sample.
    count: int = 0
    #: What people should know of it; only where somebody wrote it.
    notes: str = ""
    #: The group that it belongs to; only where the bank names one.
    parent: Parent | None = None

    def name(self, lang: str) -> str:
        """Its display name in `zh` or `en`; empty where it has none, or in another language."""
        return {"zh": self.zh, "en": self.en}.get(lang, "")

    def numbered(self, count: int) -> ClassEntry:
        """The same class with so many samples."""
        return self.model_copy(update={"count": count})

    def without_count(self) -> ClassEntry:
        """Its label and names alone."""
        bare = ClassEntry(label=self.label, zh=self.zh, en=self.en, aliases=self.aliases)
        return bare.model_copy(update=self.optional())

    def optional(self) -> dict[str, Any]:
        """Its notes and its parent, where it has them: what `model_copy` takes."""
        held = {"notes": self.notes, "parent": self.parent}
        return {key: value for key, value in held.items() if value}


class Counts(Document):
    """Numbers of a version; all 0 where its manifest is damaged."""

    classes: int = 0
    samples: int = 0
    #: Classes without a sample that are ranked by name.
    named: int = 0
    aside: int = 0
    #: Photos that could not be read.
    skipped: int = 0
    #: Photos that were there already.
    duplicates: int = 0


class Finding(Document):
    """What is wrong with some samples of a class; which fields there are depends on `code`."""

    code: str
    label: Annotated[str, Field(alias="class")]
    #: All classes concerned, for `duplicate_across` and `confusable`.
    classes: list[str] = Field(default_factory=list)
    #: Ids.
    samples: list[str]
    #: Duplicates: the same to the last bit.
    exact: bool = False
    #: Suspects: the label of the class that they resemble.
    looks_like: str = ""
    #: Small classes: presets that do not rank the class by its samples, and whether they rank it by its name.
    presets: list[str] = Field(default_factory=list)
    named: bool = False

    @property
    def concerned(self) -> list[str]:
        """The labels of all classes concerned."""
        return self.classes or [self.label]


class Skipped(Document):
    """A photo that could not be used, with the code and values of its error."""

    name: str
    code: str
    detail: Any


class NamesUnused(Document):
    """Why class names do not count although the model is a trained one: the code and values of an error."""

    code: str
    detail: Any


class FileEntry(Document):
    bytes: int
    sha256: str


class Manifest(Document):
    """What a version is, how it was made, and what its files are."""

    version: str
    name: str
    #: The id of the bank that it is a version of; absent for the default bank.
    bank: str = DEFAULT_BANK
    #: Seconds since the epoch.
    created: float
    #: A string where only a later version knows the origin.
    origin: Annotated[Origin | str, Field(union_mode="left_to_right")]
    parent: str | None = None
    #: Who asked for it, where that is known.
    by: str | None = None
    model: str
    identity: str
    encoder: EncoderInfo
    counts: Counts
    #: By label; those without a sample are ranked by their names where there is a `names.npy`.
    classes: list[ClassEntry]
    unused_classes: list[ClassEntry] = Field(default_factory=list)
    #: Classes that were removed, for the day when one of their excluded samples is restored.
    removed_classes: list[ClassEntry] = Field(default_factory=list)
    ranking: RankingFit
    warnings: list[Finding] = Field(default_factory=list)
    skipped: list[Skipped] = Field(default_factory=list)
    #: What a photo's pixels must be like: learnt from the samples' photos; None: the default ones are used.
    photo_limits: PhotoLimits | None = None
    #: None where names count, and where the model has no use for them.
    names_unused: NamesUnused | None = None
    #: The oldest treatment of colours that any of its vectors was made with (`shared.core.encoder_info.COLOUR`).
    colour: int = 1
    format: int = FORMAT
    #: Name → size and SHA-256.
    files: dict[str, FileEntry] = Field(default_factory=dict)
    #: SHA-256 of the manifest without this field, as canonical JSON.
    digest: str = ""

    def to_json(self) -> dict[str, Any]:
        document = super().to_json()
        if not self.encoder.preprocessing:
            # Earlier versions did not say it.
            document["encoder"].pop("preprocessing", None)
        if self.encoder.views == "1":
            document["encoder"].pop("views", None)
        return document

    @property
    def is_large(self) -> bool:
        """Whether ranking reads the samples of a few classes for each photo, instead of comparing it with all."""
        return self.counts.samples > DENSE_ROWS

    @property
    def ranked_classes(self) -> list[ClassEntry]:
        """The classes, and those without a sample that are ranked by their name all the same."""
        return [*self.classes, *self.named_classes]

    @property
    def parents(self) -> dict[str, Parent]:
        """Label of each class that has a parent → the parent."""
        return {entry.label: entry.parent for entry in self.ranked_classes if entry.parent is not None}

    @property
    def named_classes(self) -> list[ClassEntry]:
        """The classes without a sample that are ranked by their name."""
        return self.unused_classes if self.counts.named else []


def canonical(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def seal_manifest(folder: Path, manifest: Manifest, files: Sequence[str]) -> Manifest:
    """Writes `manifest.json` with the size and SHA-256 of `files` (relative to `folder`) and a digest of itself."""
    entries = {}
    for name in files:
        path = folder / name
        fsync(path)
        entries[name] = FileEntry(bytes=path.stat().st_size, sha256=sha256_of(path))
    sealed = {key: value for key, value in manifest.to_json().items() if key != "digest"}
    sealed |= {"format": FORMAT, "files": {name: entry.to_json() for name, entry in entries.items()}}
    sealed["digest"] = hashlib.sha256(canonical(sealed)).hexdigest()
    write_atomic(folder / MANIFEST, json.dumps(sealed, ensure_ascii=False, indent=1).encode())
    return Manifest.from_json(sealed)


def read_manifest(folder: Path) -> Manifest:
    """The sealed manifest of a version's folder.

    Raises BankError("bank_damaged") where it is missing, cut off, edited, or of an unknown format.
    """
    version = folder.name
    try:
        document = parse_json((folder / MANIFEST).read_bytes())
        digest = document["digest"]
        found = document["format"]
        unsigned = {key: value for key, value in document.items() if key != "digest"}
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as failure:
        raise BankError("bank_damaged", version=version, reason=f"{MANIFEST}: {failure}") from failure
    if found != FORMAT:
        raise BankError("bank_damaged", version=version, reason=f"format {found}, this program reads {FORMAT}")
    if hashlib.sha256(canonical(unsigned)).hexdigest() != digest:
        raise BankError("bank_damaged", version=version, reason=f"{MANIFEST} does not match its own checksum")
    try:
        return Manifest.from_json(document)
    except ValueError as failure:
        raise BankError("bank_damaged", version=version, reason=f"{MANIFEST}: {failure}") from failure


def verify_files(
    folder: Path, manifest: Manifest, checksums_up_to: int | None = None, without: Collection[str] = ()
) -> None:
    """Compares every file with the manifest: size always, SHA-256 up to `checksums_up_to` bytes (None: all files).

    `without`: files that may be missing. Raises BankError("bank_damaged") naming the file.
    """
    for name, expected in manifest.files.items():
        path = folder / name
        try:
            size = path.stat().st_size
            if size != expected.bytes:
                reason = f"{name} has {size} bytes instead of {expected.bytes}"
            elif (checksums_up_to is None or size <= checksums_up_to) and sha256_of(path) != expected.sha256:
                reason = f"{name} does not match its checksum"
            else:
                continue
        except FileNotFoundError as failure:
            if name in without:
                continue
            reason = f"{name}: {failure.strerror}"
        except OSError as failure:
            reason = f"{name}: {failure.strerror}"
        raise BankError("bank_damaged", version=folder.name, reason=reason)
