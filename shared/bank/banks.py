"""Several banks side by side: one for each customer, season or material. No numpy here.

A bank is a row of versions with a state of its own (active version, history, draft). Every version names its bank in
its manifest, for good; one that names none is of the default bank, which is always there.
<root>/banks.json   {"banks": [{"id", "name", "notes", "created", "archived"}…]}, replaced atomically
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

from pydantic import Field

from shared.bank.manifest import DEFAULT_BANK
from shared.bank.state import SharedFile
from shared.core.documents import Document, parse_json
from shared.core.errors import BankError, Conflict, InvalidRequest, NotFound
from shared.core.files import file_lock
from shared.core.names import id_of, title
from shared.storage import Storage

#: Characters of a bank's name and of its notes.
MAX_NAME, MAX_NOTES = 100, 2000
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_FILE = "banks.json"


class BankInfo(Document):
    """What people call a bank, and what they know of it."""

    #: Short and safe in addresses; never changes and is never used again.
    id: str
    #: In any language; empty for a default bank that nobody has named.
    name: str = ""
    notes: str = ""
    #: Seconds since the epoch; 0 for the default bank.
    created: float = 0.0
    #: Kept, but new jobs cannot choose it.
    archived: bool = False

    @property
    def is_default(self) -> bool:
        return self.id == DEFAULT_BANK


class _Registry(Document):
    """The file."""

    banks: list[BankInfo] = Field(default_factory=list)


#: Named here because `list` means the method inside the class.
Infos = list[BankInfo]


class Banks:
    """All banks of an installation. Cheap to make; safe to use from several processes."""

    def __init__(self, root: Path, storage: Storage) -> None:
        self.root = root
        self._file = SharedFile(root / _FILE, f"banks/{_FILE}", storage)

    def list(self) -> Infos:
        """The default bank, then the others by name. Raises BankError("bank_damaged"), Unavailable."""
        return self._read()

    def _read(self, now: bool = False) -> Infos:
        data = self._file.read(now)
        try:
            known = _Registry.from_json(parse_json(data)).banks if data is not None else []
        except ValueError as failure:
            raise BankError("bank_damaged", version=_FILE, reason=str(failure)) from failure
        if not any(bank.is_default for bank in known):
            known = [BankInfo(id=DEFAULT_BANK), *known]
        return sorted(known, key=lambda bank: (not bank.is_default, bank.name.casefold(), bank.id))

    def find(self, wished: str) -> BankInfo:
        """The bank of this id or name (upper and lower case are the same). Raises NotFound."""
        known, name = self.list(), wished.strip().casefold()
        found = next((bank for bank in known if bank.id == wished.strip()), None)
        found = found or next((bank for bank in known if name and bank.name.casefold() == name), None)
        if found is None:
            raise NotFound(what=f"bank {wished}")
        return found

    def new(self, name: str, notes: str = "") -> BankInfo:
        """Makes an empty bank. Raises InvalidRequest("bank_name_empty"), Conflict("bank_name_taken"), Unavailable."""
        made = BankInfo(id=id_of(name, "bank"), name=_named(name), notes=_noted(notes), created=time.time())
        self._change(lambda known: [*known, made])
        return made

    def change(
        self, bank: str, *, name: str | None = None, notes: str | None = None, archived: bool | None = None
    ) -> BankInfo:
        """Renames a bank, notes something of it, archives it or takes it back; None: stays as it is.

        Raises NotFound, InvalidRequest("bank_name_empty"), Conflict (`bank_name_taken`, `bank_default_stays`),
        Unavailable.
        """
        found = self.find(bank)
        if archived and found.is_default:
            raise Conflict("bank_default_stays")
        asked = {
            "name": None if name is None else _named(name),
            "notes": None if notes is None else _noted(notes),
            "archived": archived,
        }
        update = {key: value for key, value in asked.items() if value is not None}
        rows = self._change(lambda known: [r.model_copy(update=update) if r.id == found.id else r for r in known])
        made = next((row for row in rows if row.id == found.id), None)
        if made is None:
            # Deleted at this moment.
            raise NotFound(what=f"bank {bank}")
        return made

    def forget(self, bank: str) -> None:
        """Takes a bank off the list; its versions stay where they are. Raises Conflict("bank_default_stays")."""
        if bank == DEFAULT_BANK:
            raise Conflict("bank_default_stays")
        self._change(lambda known: [row for row in known if row.id != bank])

    def _change(self, change: Callable[[Infos], Infos]) -> Infos:
        """Replaces the list by what `change` makes of it. Raises Conflict("bank_name_taken")."""
        self.root.mkdir(parents=True, exist_ok=True)
        with file_lock(self.root / ".lock"):
            rows = change(self._read(now=True))
            names = [row.name.casefold() for row in rows if row.name]
            if taken := next((row.name for row in rows if row.name and names.count(row.name.casefold()) > 1), None):
                raise Conflict("bank_name_taken", name=taken)
            document = _Registry(banks=rows).to_json()
            self._file.write(json.dumps(document, ensure_ascii=False, indent=1).encode())
        return rows


def is_bank_id(text: str) -> bool:
    """Whether it may be a bank's id, and so part of a file's name."""
    return bool(_ID.fullmatch(text))


def _named(name: str) -> str:
    cleaned = title(name)[:MAX_NAME].strip()
    if not cleaned:
        raise InvalidRequest("bank_name_empty")
    return cleaned


def _noted(notes: str) -> str:
    return notes.strip()[:MAX_NOTES]
