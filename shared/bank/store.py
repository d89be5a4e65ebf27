"""Where bank versions lie, which one is in force, and what the web may read of them. No numpy here.

<root>/current            {"version", "history": [{"version", "at"}…]}, replaced atomically
<root>/<version>/         immutable once it has this name: manifest.json, arrays, samples.jsonl, thumbs/
<root>/.new-*/            a version in the making; renamed when complete
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.bank.manifest import read_manifest, verify_files
from shared.core import json_lines
from shared.core.errors import BankError, NotFound
from shared.core.files import disk_errors, file_lock, fsync, write_atomic
from shared.core.settings import Settings
from shared.storage import open_storage

if TYPE_CHECKING:
    from shared.bank.bank import Bank

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SAMPLE = re.compile(r"[0-9a-f]{16}")
#: JSON objects, one a line or one an element.
Rows = list[dict[str, Any]]
#: Publications that `rollback` can go back through.
_HISTORY = 100
#: Seconds for which the answer to "which version is in force" is taken to hold, where other machines may change it.
_CURRENT_VERSION_TTL = 3.0
#: Larger arrays are checked by size at load and by checksum in `weft bank check`: 2 GB take seconds to read.
_CHECKSUM_AT_LOAD = 512 * 1024**2


class BankStore:
    """All versions of this installation's bank. Cheap to make; safe to use from several processes."""

    def __init__(self, settings: Settings) -> None:
        self.root = settings.data_dir / "banks"
        self.storage = open_storage(settings)
        self._state_read_at = 0.0
        self._manifests: dict[str, dict[str, Any]] = {}
        self._samples: dict[str, Rows] = {}

    # which version is in force

    def current(self) -> str | None:
        """The published version, or None before the first `publish`."""
        version: str | None = self._state()["version"]
        return version

    def history(self) -> Rows:
        """Publications, oldest first: `[{"version", "at"}]`; the last one is in force."""
        history: Rows = self._state()["history"]
        return history

    def publish(self, version: str) -> None:
        """Puts a version in force, atomically; whatever was in force stays so if anything fails.

        Raises NotFound, BankError("bank_damaged"), Unavailable("disk_full").
        """
        self._verify(version)
        with self._locked():
            state = self._state()
            if state["version"] == version:
                return
            history = [*state["history"], {"version": version, "at": time.time()}][-_HISTORY:]
            self._write_state(version, history)

    def rollback(self) -> str:
        """Puts the version before the current one in force again and returns it. Raises NotFound without one."""
        with self._locked():
            history = self._state()["history"][:-1]
            while history and not (self.root / history[-1]["version"]).is_dir():
                history.pop()
            if not history:
                raise NotFound(what="an earlier bank version")
            version: str = history[-1]["version"]
            self._verify(version)
            self._write_state(version, history)
        return version

    def _verify(self, version: str) -> None:
        """Reads a version back as workers and pages will. Raises NotFound, BankError("bank_damaged")."""
        manifest = self.manifest(version)
        verify_files(self.folder(version), manifest)
        labels = {entry["label"] for entry in manifest["classes"]}
        for name, count in (("samples.jsonl", "samples"), ("aside.jsonl", "aside")):
            rows = self._lines(version, name)
            if len(rows) != manifest["counts"][count]:
                reason = f"{name}: {len(rows)} rows instead of {manifest['counts'][count]}"
                raise BankError("bank_damaged", version=version, reason=reason)
            if count == "samples" and {row["label"] for row in rows} != labels:
                raise BankError("bank_damaged", version=version, reason=f"{name}: other classes than the manifest's")

    def _state(self) -> dict[str, Any]:
        if time.monotonic() - self._state_read_at > _CURRENT_VERSION_TTL:
            self.storage.fetch("banks/current", self.root / "current")
            self._state_read_at = time.monotonic()
        try:
            state: dict[str, Any] = json.loads((self.root / "current").read_bytes())
            return {"version": str(state["version"]), "history": list(state["history"])}
        except FileNotFoundError:
            return {"version": None, "history": []}
        except (ValueError, KeyError, TypeError) as failure:
            raise BankError("bank_damaged", version="current", reason=str(failure)) from failure

    def _write_state(self, version: str, history: Rows) -> None:
        document = {"version": version, "history": history}
        write_atomic(self.root / "current", json.dumps(document, indent=1).encode())
        self.storage.share(self.root / "current", "banks/current")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with file_lock(self.root / ".lock"):
            yield

    # reading versions

    def folder(self, version: str) -> Path:
        """The version's folder. Raises NotFound."""
        path = self.root / version
        known = _VERSION.fullmatch(version) and (path.is_dir() or self.storage.fetch(f"banks/{version}", path))
        if not known:
            raise NotFound(what=f"bank {version}")
        return path

    def list(self) -> Rows:
        """All versions, newest first, as `{"version", "name", "created", "model", "counts", "current", "damaged"}`."""
        current = self.current()
        found = []
        for path in self.root.iterdir() if self.root.is_dir() else ():
            if not path.is_dir() or not _VERSION.fullmatch(path.name):
                continue
            row: dict[str, Any] = {"version": path.name, "current": path.name == current, "damaged": False}
            try:
                manifest = self.manifest(path.name)
                row |= {key: manifest[key] for key in ("name", "created", "model", "counts")}
            except BankError:
                row |= {"name": "", "created": path.stat().st_mtime, "model": "", "counts": {}, "damaged": True}
            found.append(row)
        return sorted(found, key=lambda row: (row["created"], row["version"]), reverse=True)

    def manifest(self, version: str | None = None) -> dict[str, Any]:
        """A version's manifest (None: the current one's). Treat it as read-only: it is kept and shared.

        Raises NotFound, BankError("no_bank"), BankError("bank_damaged").
        """
        version = version or self.current()
        if version is None:
            raise BankError("no_bank")
        folder = self.folder(version)
        if version not in self._manifests:
            self._manifests[version] = read_manifest(folder)
        return self._manifests[version]

    def load(self, version: str | None = None) -> Bank:
        """The bank, memory-mapped and checked (None: the current one). Needs numpy.

        Raises NotFound, BankError("no_bank"), BankError("bank_damaged").
        """
        from shared.bank.bank import Bank

        manifest = self.manifest(version)
        folder = self.folder(manifest["version"])
        verify_files(folder, manifest, checksums_up_to=_CHECKSUM_AT_LOAD)
        return Bank.open(folder, manifest)

    def samples(self, version: str) -> Rows:
        """Every sample in the order of the vectors, as `{"id", "label", "name", "sha256", "thumb"…}`. Read-only."""
        if version not in self._samples:
            self._samples[version] = self._lines(version, "samples.jsonl")
        return self._samples[version]

    def aside(self, version: str) -> Rows:
        """Samples that curation set aside, with `reason`; they can be put back."""
        return self._lines(version, "aside.jsonl")

    def _lines(self, version: str, name: str) -> Rows:
        path = self.folder(version) / name
        try:
            return json_lines.load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as failure:
            raise BankError("bank_damaged", version=version, reason=f"{name}: {failure}") from failure

    def classes(self, version: str | None = None) -> Rows:
        """Classes by label, as in the manifest (`label zh en aliases count`), each with its `samples`."""
        manifest = self.manifest(version)
        by_label: dict[str, Rows] = {}
        for sample in self.samples(manifest["version"]):
            by_label.setdefault(sample["label"], []).append(sample)
        return [{**entry, "samples": by_label.get(entry["label"], [])} for entry in manifest["classes"]]

    def sample_picture(self, version: str, sample_id: str) -> bytes | None:
        """The sample's thumbnail (JPEG, 240 pixels), or None where the bank has no picture of it."""
        if not _SAMPLE.fullmatch(sample_id):
            return None
        try:
            return (self.folder(version) / thumb_name(sample_id)).read_bytes()
        except FileNotFoundError:
            return None

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


def thumb_name(sample_id: str) -> str:
    """Path of a sample's thumbnail inside its version's folder."""
    return f"thumbs/{sample_id[:2]}/{sample_id}.jpg"
