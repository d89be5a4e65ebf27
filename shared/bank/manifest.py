"""The manifest of a bank version, which shows damage: sizes and digests of all its files. No numpy here."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from pathlib import Path
from typing import Any

from shared.core.errors import BankError
from shared.core.files import fsync, sha256_of, write_atomic

MANIFEST = "manifest.json"
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


def canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def seal_manifest(folder: Path, manifest: dict[str, Any], files: list[str]) -> dict[str, Any]:
    """Writes `manifest.json` with the size and SHA-256 of `files` (relative to `folder`) and a digest of itself."""
    manifest = {**manifest, "format": FORMAT, "files": {}}
    for name in files:
        path = folder / name
        fsync(path)
        manifest["files"][name] = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    manifest["digest"] = hashlib.sha256(canonical(manifest)).hexdigest()
    write_atomic(folder / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode())
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """The sealed manifest of a version's folder.

    Raises BankError("bank_damaged") where it is missing, cut off, edited, or of an unknown format.
    """
    version = folder.name
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        digest = manifest.pop("digest")
        found = manifest["format"]
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as failure:
        raise BankError("bank_damaged", version=version, reason=f"{MANIFEST}: {failure}") from failure
    if found != FORMAT:
        raise BankError("bank_damaged", version=version, reason=f"format {found}, this program reads {FORMAT}")
    if hashlib.sha256(canonical(manifest)).hexdigest() != digest:
        raise BankError("bank_damaged", version=version, reason=f"{MANIFEST} does not match its own checksum")
    return manifest


def verify_files(folder: Path, manifest: dict[str, Any], checksums_up_to: int | None = None) -> None:
    """Compares every file with the manifest: size always, SHA-256 up to `checksums_up_to` bytes (None: all files).

    Raises BankError("bank_damaged") naming the file.
    """
    for name, expected in manifest["files"].items():
        path = folder / name
        try:
            size = path.stat().st_size
            if size != expected["bytes"]:
                reason = f"{name} has {size} bytes instead of {expected['bytes']}"
            elif (checksums_up_to is None or size <= checksums_up_to) and sha256_of(path) != expected["sha256"]:
                reason = f"{name} does not match its checksum"
            else:
                continue
        except OSError as failure:
            reason = f"{name}: {failure.strerror}"
        raise BankError("bank_damaged", version=folder.name, reason=reason)
