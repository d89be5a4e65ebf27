"""One cleaning for every name that people see: files, zip members, jobs, photos of a folder, class labels.

Only what is shown and stored is cleaned. The bytes of a path stay what a file is opened by.
"""

from __future__ import annotations

import os
import re
import secrets
import unicodedata

from shared.core.errors import InvalidRequest

#: Characters of an uploaded file's name, of a path below a folder job's folder, of a job's name and of a class label.
MAX_NAME = 300
MAX_PATH = 1024
MAX_TITLE = 200
MAX_LABEL = 150

#: Joins emoji into one (a family, a profession) and letters of some scripts; every other format character is dropped.
_JOINER = "\u200d"
#: Controls, lone surrogates, line and paragraph separators, and format characters (text direction, zero width).
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: File names that Windows keeps for devices, whatever their ending: a class of that name could not be a folder there.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)

#: What no system takes in the name of a file or folder, and what would lead out of its folder.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


def readable(raw: str) -> str:
    """The same text without lone surrogates, which no UTF-8 file, database or response can hold.

    Python keeps undecodable bytes of a file name as surrogates (PEP 383). Those bytes were most likely written by a
    Chinese Windows, so they are read as GB18030; what is not that either is replaced.
    """
    try:
        raw.encode()
    except UnicodeEncodeError:
        # Folder by folder: one path may hold names of both encodings.
        return "/".join(map(_decoded, raw.split("/")))
    return raw


def _decoded(part: str) -> str:
    try:
        part.encode()
    except UnicodeEncodeError:
        try:
            return os.fsencode(part).decode("gb18030", "replace")
        except UnicodeEncodeError:
            # Surrogates that do not stand for bytes, as in the JSON text "\\ud800".
            return part.encode("utf-8", "replace").decode()
    return part


def clean(raw: str, limit: int | None = None) -> str:
    """Readable text without invisible and text-direction characters; its last `limit` characters."""
    shown = readable(raw)
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(char for char in shown if char == _JOINER or _visible(char))
    return shown if limit is None else shown[-limit:]


def _visible(char: str) -> bool:
    # XML, and so XLSX, cannot hold U+FFFE and its like.
    noncharacter = ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF
    return not noncharacter and unicodedata.category(char) not in _DROPPED


def display_name(raw: str) -> str:
    """The name of an upload or zip member: cleaned, with no way up or to a root, at most `MAX_NAME` long."""
    parts = [part for part in re.split(r"[\\/]+", clean(raw)) if part not in ("", ".", "..") and part[1:] != ":"]
    return "/".join(parts)[-MAX_NAME:] or "photo"


def path_name(raw: str) -> str:
    """The name of a photo below a folder of this machine: its path there, cleaned; a backslash is a letter here."""
    return clean(raw, MAX_PATH) or "photo"


#: Categories of characters that show nothing by themselves, and letters and symbols that look like a space.
_UNSEEN, _BLANK = ("Cc", "Cf", "Mn", "Zs"), "\u115f\u1160\u2800\u3164\uffa0"


def title(raw: str) -> str:
    """A job's name: one cleaned line of at most `MAX_TITLE` characters; empty where nobody would see any of them."""
    cleaned = clean(" ".join(readable(raw).split()))[:MAX_TITLE].strip()
    return cleaned if any(unicodedata.category(c) not in _UNSEEN and c not in _BLANK for c in cleaned) else ""


def normal(raw: str) -> str:
    """A class label as it is stored: cleaned, Unicode NFC, no spaces around it."""
    return unicodedata.normalize("NFC", clean(raw)).strip()


def fold(raw: str) -> str:
    """What two labels must differ in: NFC, then case-folded; joiners do not show, so they do not count."""
    return normal(normal(raw).replace(_JOINER, "").casefold())


def label(raw: str) -> str:
    """A new class label in its normal form.

    Raises InvalidRequest (`label_empty`, `label_long`, `label_unusable`) for one that has no page of its own or cannot
    be a folder's name: empty, too long, `.`, `..`, with a slash or backslash in it, or a device's name.
    """
    found = normal(raw)
    if not found.replace(_JOINER, ""):
        raise InvalidRequest("label_empty")
    if len(found) > MAX_LABEL:
        raise InvalidRequest("label_long", label=found[:40] + "…", limit=MAX_LABEL)
    if found in (".", "..") or "/" in found or "\\" in found or _DEVICES.fullmatch(found):
        raise InvalidRequest("label_unusable", label=found)
    return found


def is_usable_label(raw: str) -> bool:
    """Whether `label` would take it."""
    try:
        label(raw)
    except InvalidRequest:
        return False
    return True


def harmless_file_name(name: str) -> str:
    """A name that every system takes for a file or folder, and that leads nowhere else."""
    # Dots and spaces at the end are dropped by Windows; ".." is a way out.
    return _FORBIDDEN.sub("_", name).strip(". ") or "_"


def id_of(name: str, kind: str) -> str:
    """A new id that says what it can of a name, else of what `kind` of thing it is; its end tells things apart, also
    from those that were deleted."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24].strip("-") or kind
    return f"{slug}-{secrets.token_hex(3)}"
