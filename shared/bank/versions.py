"""What is read of bank versions, those of all banks: their files, manifests, samples and pictures. No numpy here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shared.bank.manifest import VECTORS, ClassEntry, Manifest, read_manifest, verify_files
from shared.bank.pictures import picture_name, thumb_name
from shared.bank.sample_rows import INDEX, ClassRows, SampleRows
from shared.bank.samples import Sample
from shared.bank.server.connection import BankServer
from shared.core import json_lines
from shared.core.errors import BankError, NotFound
from shared.core.settings import Settings
from shared.storage import open_storage

VERSION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SAMPLE = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class ClassSamples:
    """A class and all its samples."""

    entry: ClassEntry
    samples: Sequence[Sample]


class Versions:
    """Versions by name. What was read is kept: they never change."""

    def __init__(self, settings: Settings, *, ranks_only: bool = False) -> None:
        """`ranks_only`: loads banks to rank with, and leaves vectors where they are that the bank server has."""
        self.server = BankServer.of(settings)
        self.ranks_only = ranks_only
        self.root = settings.data_dir / "banks"
        self.storage = open_storage(settings)
        self._manifests: dict[str, Manifest] = {}
        self._samples: dict[str, Sequence[Sample]] = {}

    def folder(self, version: str) -> Path:
        """The version's folder. Raises NotFound."""
        path, left = self.root / version, (VECTORS,) if self.ranks_only and self.server else ()
        known = VERSION_NAME.fullmatch(version) and (
            path.is_dir() or self.storage.fetch(f"banks/{version}", path, left)
        )
        if not known:
            raise NotFound(what=f"bank {version}")
        return path

    def whole_folder(self, version: str) -> Path:
        """The same with the vectors, which a worker of the bank server may have left behind. Raises NotFound."""
        path = self.folder(version)
        if not (path / VECTORS).exists() and VECTORS in self.manifest_of(version).files:
            self.storage.fetch(f"banks/{version}/{VECTORS}", path / VECTORS)
        return path

    def manifest_of(self, version: str) -> Manifest:
        """A version's manifest, kept and shared. Raises NotFound, BankError("bank_damaged")."""
        folder = self.folder(version)
        if version not in self._manifests:
            self._manifests[version] = read_manifest(folder)
        return self._manifests[version]

    def forget(self, version: str) -> None:
        """A version that was deleted."""
        self._manifests.pop(version, None)
        self._samples.pop(version, None)

    def verify(self, version: str) -> None:
        """Reads a version back as workers and pages will. Raises NotFound, BankError("bank_damaged")."""
        manifest = self.manifest_of(version)
        verify_files(self.whole_folder(version), manifest)
        labels = {entry.label for entry in manifest.classes}
        if (large := self._large(manifest)) is not None:
            try:
                large.verify([entry.label for entry in manifest.classes])
            except (OSError, ValueError) as failure:
                raise BankError("bank_damaged", version=version, reason=f"samples.jsonl: {failure}") from failure
        for name, count in (("samples.jsonl", manifest.counts.samples), ("aside.jsonl", manifest.counts.aside)):
            if large is not None and name == "samples.jsonl":
                continue
            found, rows = set(), 0
            for row in self._each(version, name):
                found.add(row.label)
                rows += 1
            if rows != count:
                reason = f"{name}: {rows} rows instead of {count}"
                raise BankError("bank_damaged", version=version, reason=reason)
            if name == "samples.jsonl" and found != labels:
                raise BankError("bank_damaged", version=version, reason=f"{name}: other classes than the manifest's")

    def samples(self, version: str) -> Sequence[Sample]:
        """Every sample in the order of the vectors, kept and shared; of a large version read by class."""
        if version not in self._samples:
            large = self._large(self.manifest_of(version))
            self._samples[version] = self._lines(version, "samples.jsonl") if large is None else large
        return self._samples[version]

    def rows(self, version: str) -> SampleRows:
        """Every sample, read by class however small the version is. Raises NotFound, BankError("bank_damaged")."""
        manifest = self.manifest_of(version)
        return self._rows(manifest, indexed=INDEX in manifest.files)

    def _large(self, manifest: Manifest) -> SampleRows | None:
        return self._rows(manifest) if INDEX in manifest.files else None

    def _rows(self, manifest: Manifest, indexed: bool = True) -> SampleRows:
        try:
            return SampleRows(self.folder(manifest.version), [entry.count for entry in manifest.classes], indexed)
        except (OSError, ValueError) as failure:
            raise BankError("bank_damaged", version=manifest.version, reason=str(failure)) from failure

    def aside(self, version: str) -> Sequence[Sample]:
        """Samples that curation set aside, with `reason`; they can be put back."""
        return self._lines(version, "aside.jsonl")

    def aside_rows(self, version: str) -> Iterator[Sample]:
        """The same one by one: there may be as many as a large bank has samples."""
        return self._each(version, "aside.jsonl")

    def _lines(self, version: str, name: str) -> list[Sample]:
        return list(self._each(version, name))

    def _each(self, version: str, name: str) -> Iterator[Sample]:
        path = self.folder(version) / name
        try:
            with path.open(encoding="utf-8", newline="\n") as lines:
                for line in lines:
                    yield from map(Sample.from_json, json_lines.load(line))
        except (OSError, ValueError) as failure:
            raise BankError("bank_damaged", version=version, reason=f"{name}: {failure}") from failure

    def classes_of(self, version: str) -> list[ClassSamples]:
        """Classes by label, each with its samples."""
        manifest = self.manifest_of(version)
        rows = self.samples(manifest.version)
        if isinstance(rows, SampleRows):
            return [
                ClassSamples(entry, ClassRows(rows, number, entry.count))
                for number, entry in enumerate(manifest.classes)
            ]
        by_label: dict[str, list[Sample]] = {}
        for sample in rows:
            by_label.setdefault(sample.label, []).append(sample)
        return [ClassSamples(entry, by_label.get(entry.label, [])) for entry in manifest.classes]

    def sample_picture(self, version: str, sample_id: str, large: bool = False) -> bytes | None:
        """The sample's thumbnail (JPEG, 240 pixels), or None where the bank has no picture of it.

        `large`: of `PICTURE_SIDE` pixels, where the bank has it so large.
        """
        if not _SAMPLE.fullmatch(sample_id):
            return None
        for name in (picture_name, thumb_name) if large else (thumb_name,):
            with suppress(FileNotFoundError):
                return (self.folder(version) / name(sample_id)).read_bytes()
        return None
