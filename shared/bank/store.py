"""Where bank versions lie, which one is active, and what the web may read of them. No numpy here.

<root>/current…           which version is active and what the draft is, for each bank: `shared.bank.state`
<root>/banks.json         what the banks are called: `shared.bank.banks`
<root>/<version>/         immutable once it has this name: manifest.json, arrays, samples.jsonl, thumbs/
<root>/.new-*/            a version in the making; renamed when complete
"""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from shared.bank.banks import BankInfo, Banks, is_bank_id
from shared.bank.manifest import DEFAULT_BANK, VECTORS, Counts, Manifest, verify_files
from shared.bank.server.tables import Copied, TableNote, ensure, is_served
from shared.bank.state import Publication, StateFile
from shared.bank.versions import VERSION_NAME, ClassSamples, Versions
from shared.core.documents import Document
from shared.core.errors import BankError, Conflict, NotFound
from shared.core.files import disk_errors, fsync
from shared.core.settings import Settings

if TYPE_CHECKING:
    from shared.bank.bank import Bank

#: Publications that `rollback` can go back through.
_HISTORY = 100
#: Larger arrays are checked by size at load and by checksum in `weft bank check`: 2 GB take seconds to read.
_CHECKSUM_AT_LOAD = 512 * 1024**2


class VersionEntry(Document):
    """A version in the list; `counts` is empty for a damaged one."""

    version: str
    current: bool
    damaged: bool
    name: str
    created: float
    model: str
    counts: Counts


def _entry(
    version: str, current: bool, damaged: bool, name: str, created: float, model: str, counts: Counts
) -> VersionEntry:
    return VersionEntry(
        version=version, current=current, damaged=damaged, name=name, created=created, model=model, counts=counts
    )


#: Named here because `list` means the method inside the class.
Classes = list[ClassSamples]


class BankStore(Versions):
    """The versions of one bank: the default one, unless `of` gives another. Any store reads the versions of all banks.

    Cheap to make; safe to use from several processes.
    """

    def __init__(self, settings: Settings, *, ranks_only: bool = False) -> None:
        """`ranks_only`: loads banks to rank with, and leaves vectors where they are that the bank server has."""
        super().__init__(settings, ranks_only=ranks_only)
        self.bank = DEFAULT_BANK
        self.banks = Banks(self.root, self.storage)
        self.state = StateFile(self.root, self.storage)
        self._stores = {DEFAULT_BANK: self}

    # which bank

    def of(self, bank: str | None) -> BankStore:
        """The store of another bank, by id or name (None: this one). Raises NotFound."""
        if bank is None or bank == self.bank:
            return self
        return self._of_id(bank) if bank == DEFAULT_BANK else self._of_id(self.banks.find(bank).id)

    def of_version(self, version: str | None) -> BankStore:
        """The store of the bank that a version belongs to (None: this one). Raises as `manifest`."""
        return self if version is None else self._of_id(self.manifest(version).bank)

    def _of_id(self, bank: str) -> BankStore:
        if bank not in self._stores:
            if not is_bank_id(bank):
                raise NotFound(what=f"bank {bank}")
            # What was read of versions is shared: their names are unique over all banks.
            other = copy.copy(self)
            other.bank = bank
            other.state = StateFile(self.root, self.storage, f"current-{bank}")
            self._stores[bank] = other
        return self._stores[bank]

    def info(self) -> BankInfo:
        """What this bank is called. Raises NotFound."""
        return self.banks.find(self.bank)

    def chosen(self, wished: str | None) -> Manifest:
        """What a new job uses: the active version of the bank of this id or name (None: this bank), or a version.

        Raises NotFound, BankError("no_bank", "bank_damaged"), Conflict("bank_archived").
        """
        try:
            store = self.of(wished)
        except NotFound:
            # A version that is named outright may be asked for as long as it is there.
            return self.manifest(wished)
        if store.bank != DEFAULT_BANK and (info := store.info()).archived:
            raise Conflict("bank_archived", name=info.name)
        return store.manifest()

    # which version is active

    def current(self) -> str | None:
        """The published version, or None before the first `publish`."""
        return self.state.read().version

    def history(self) -> list[Publication]:
        """Publications, oldest first; the last one is active."""
        return self.state.read().history

    def publish(self, version: str, by: str | None = None) -> None:
        """Makes a version active, atomically; what was active stays so if anything fails. `by`: who does it.

        Raises NotFound, BankError("bank_damaged"), Unavailable("disk_full"), and as `index`.
        """
        self.verify(version)
        if self.manifest(version).bank != self.bank:
            raise NotFound(what=f"version {version} of the bank {self.bank}")
        self._ensure_table(version)
        with self.state.locked():
            state = self.state.read()
            if state.version == version:
                return
            made = Publication(version=version, at=time.time())
            made = made.model_copy(update={"by": by}) if by else made
            draft = [] if version in state.draft else state.draft
            self.state.write([*state.history, made][-_HISTORY:], draft)

    def rollback(self) -> str:
        """Makes the version before the current one active again and returns it. Raises NotFound without one."""
        with self.state.locked():
            state = self.state.read()
            history = state.history[:-1]
            while history and not (self.root / history[-1].version).is_dir():
                history.pop()
            if not history:
                raise NotFound(what="an earlier bank version")
            version = history[-1].version
            self.verify(version)
            self._ensure_table(version)
            self.state.write(history, state.draft)
        return version

    # the bank server

    def _ensure_table(self, version: str) -> None:
        if is_served(self.server, manifest := self.manifest(version)):
            ensure(self.server, self.folder(version), manifest)

    def index(self, version: str, copied: Copied = lambda done, total: None) -> TableNote | None:
        """Sees that the bank server has the vectors of a version, and answers as its files do: what its table says.
        None where no server is set, or the bank is too small for one. `copied`: called with (rows copied, rows in all).

        Raises NotFound, BankError("bank_damaged"), and as `shared.bank.server.tables.ensure`.
        """
        self.verify(version)
        manifest = self.manifest(version)
        if not is_served(self.server, manifest):
            return None
        return ensure(self.server, self.folder(version), manifest, copied, thorough=True)

    # reading versions

    def list(self) -> list[VersionEntry]:
        """All versions of the bank, newest first; the default bank's with the damaged ones, which name no bank."""
        current = self.current()
        found = []
        for path in self.root.iterdir() if self.root.is_dir() else ():
            name = path.name
            if not path.is_dir() or not VERSION_NAME.fullmatch(name):
                continue
            try:
                known = self.manifest(name)
                told = (known.name, known.created, known.model, known.counts)
            except BankError:
                known, told = None, ("", path.stat().st_mtime, "", Counts())
            if self.bank == (known.bank if known else DEFAULT_BANK):
                found.append(_entry(name, name == current, known is None, *told))
        return sorted(found, key=lambda row: (row.created, row.version), reverse=True)

    def manifest(self, version: str | None = None) -> Manifest:
        """A version's manifest (None: the current one's). It is kept and shared.

        Raises NotFound, BankError("no_bank"), BankError("bank_damaged").
        """
        version = version or self.current()
        if version is None:
            if self.bank == DEFAULT_BANK:
                raise BankError("no_bank")
            raise BankError("no_bank", bank=self.bank, name=self.info().name)
        return self.manifest_of(version)

    def load(self, version: str | None = None) -> Bank:
        """The bank, memory-mapped and checked (None: the current one). Needs numpy. Does not ask the bank server.

        Raises NotFound, BankError("no_bank"), BankError("bank_damaged").
        """
        from shared.bank.bank import Bank

        manifest = self.manifest(version)
        if self.ranks_only and is_served(self.server, manifest):
            folder = self.folder(manifest.version)
            verify_files(folder, manifest, checksums_up_to=_CHECKSUM_AT_LOAD, without=(VECTORS,))
            return Bank.open(folder, manifest, self.server)
        folder = self.whole_folder(manifest.version)
        verify_files(folder, manifest, checksums_up_to=_CHECKSUM_AT_LOAD)
        return Bank.open(folder, manifest)

    def classes(self, version: str | None = None) -> Classes:
        """Classes by label, each with its samples (None: of the current version)."""
        return self.classes_of(version or self.manifest().version)

    # making versions

    @contextmanager
    def new_folder(self) -> Iterator[Path]:
        """A folder to make a version in; `keep` turns it into one, leaving without that removes it."""
        with disk_errors():
            self.root.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=self.root, prefix=".new-"))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def keep(self, folder: Path, version: str) -> None:
        """Gives a complete, sealed folder from `new_folder` its name."""
        fsync(folder)
        os.rename(folder, self.root / version)
        fsync(self.root)
        self.storage.share(self.root / version, f"banks/{version}")

    def remove(self, version: str) -> None:
        """Deletes a version here and in the object store. Raises Conflict("bank_default_stays"), Unavailable."""
        if self.bank == DEFAULT_BANK:
            raise Conflict("bank_default_stays")
        with self.new_folder() as folder, suppress(FileNotFoundError):
            os.rename(self.root / version, folder / version)
        self.storage.unshare(f"banks/{version}")
        self.forget(version)
