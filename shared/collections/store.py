"""All collections of an installation, by name.

<data>/collections/collections.json   {"collections": [{"id", "name", "folders"…}]}, replaced atomically
<data>/collections/ID.sqlite          what is known of its files, and its runs (`index.py`)
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from shared.bank.banks import Banks
from shared.bank.store import BankStore
from shared.collections.collection import Collection, Rules, checked_folders, checked_rules
from shared.collections.index import Index
from shared.collections.schedule import Schedule, parsed
from shared.core.documents import Document, parse_json
from shared.core.errors import Conflict, InvalidRequest, NotFound, Unavailable
from shared.core.files import file_lock, write_atomic
from shared.core.names import id_of, title
from shared.core.settings import Settings
from shared.core.window import parsed as parsed_window
from shared.core.window import time_and_zone
from shared.jobs.intake.submission import chosen_preset
from shared.jobs.model import Priority

#: Characters of a collection's name.
MAX_NAME = 100
FILE = "collections.json"


class Wish(Document):
    """What people say of a collection; None: left as it is, or the default of a new one. Empty: none."""

    name: str | None = None
    folders: tuple[str, ...] | None = None
    rules: Rules | None = None
    preset: str | None = None
    bank: str | None = None
    priority: Priority | None = None
    #: An empty one: no schedule any more.
    schedule: Schedule | None = None
    window: str | None = None
    by: str | None = None
    watch: bool | None = None


class _Registry(Document):
    """The file."""

    collections: list[Collection] = Field(default_factory=list)


#: Named here because `list` means the method inside the class.
Found = list[Collection]


class Collections:
    """Cheap to make; safe to use from several processes."""

    def __init__(self, settings: Settings, roots: Sequence[Path] | None = None) -> None:
        """`roots`: the folders that the server may read, where these settings are not the server's."""
        self._settings = settings
        self._roots = settings.roots if roots is None else roots
        self.root = settings.data_dir / "collections"
        self.path = self.root / FILE

    def list(self) -> Found:
        """By name. Raises Unavailable where the file is damaged (`collections_damaged`)."""
        try:
            return _Registry.from_json(parse_json(self.path.read_bytes())).collections
        except FileNotFoundError:
            return []
        except ValueError as failure:
            raise Unavailable("collections_damaged", path=str(self.path), reason=str(failure)) from failure

    def find(self, wished: str) -> Collection:
        """The collection of this id or name (upper and lower case are the same). Raises NotFound, Unavailable."""
        known, name = self.list(), wished.strip().casefold()
        found = next((one for one in known if one.id == wished.strip()), None)
        found = found or next((one for one in known if name and one.name.casefold() == name), None)
        if found is None:
            raise NotFound(what=f"collection {wished}")
        return found

    def new(self, wish: Wish, owner: str | None = None) -> Collection:
        """Makes a collection; nothing is read yet.

        Raises InvalidRequest, FolderNotAllowed, NotFound (an unknown bank), Conflict("collection_name_taken").
        """
        update = self._checked(wish)
        if "folders" not in update:
            raise InvalidRequest("collection_no_folder", limit=0)
        name = update.setdefault("name", title(Path(update["folders"][0]).name)[:MAX_NAME] or "photos")
        made = Collection(id=id_of(name, "collection"), created=time.time(), owner=owner, **update)
        self._change(lambda known: [*known, made])
        return made

    def change(self, collection: str, wish: Wish) -> Collection:
        """Changes what the wish says. Raises as `new`, and NotFound."""
        found, update = self.find(collection), self._checked(wish)
        rows = self._change(lambda known: [r.model_copy(update=update) if r.id == found.id else r for r in known])
        made = next((row for row in rows if row.id == found.id), None)
        if made is None:
            # Deleted at this moment.
            raise NotFound(what=f"collection {collection}")
        return made

    def delete(self, collection: str) -> str:
        """Forgets a collection and what is known of its files; its jobs and the photos stay. Returns its id.

        Raises NotFound, Conflict("collection_running") while a run of it is under way.
        """
        found = self.find(collection)
        with self.index(found.id) as index:
            if index.runs.active():
                raise Conflict("collection_running", name=found.name)
        self._change(lambda known: [row for row in known if row.id != found.id])
        for ending in ("", "-wal", "-shm"):
            self.index_path(found.id).with_name(f"{found.id}.sqlite{ending}").unlink(missing_ok=True)
        return found.id

    def index(self, collection: str) -> Index:
        """What is known of the files of the collection of this id; to be used in a `with` statement."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Index(self.index_path(collection))

    def index_path(self, collection: str) -> Path:
        """Where that is, whether it exists or not."""
        return self.root / f"{collection}.sqlite"

    def _checked(self, wish: Wish) -> dict[str, Any]:
        update: dict[str, Any] = {}
        if wish.name is not None and not (name := title(wish.name)[:MAX_NAME].strip()):
            raise InvalidRequest("collection_name_empty")
        elif wish.name is not None:
            update["name"] = name
        if wish.folders is not None:
            update["folders"] = checked_folders(wish.folders, self._roots, self._settings.buckets)
        if wish.rules is not None:
            update["rules"] = checked_rules(wish.rules)
        if wish.preset is not None:
            update["preset"] = chosen_preset(wish.preset, "") if wish.preset else None
        if wish.bank is not None:
            update["bank"] = self._banks().find(wish.bank).id if wish.bank else None
        if wish.priority is not None:
            update["priority"] = wish.priority
        if wish.watch is not None:
            update["watch"] = wish.watch
        if wish.schedule is not None:
            said = wish.schedule
            update["schedule"] = None if said.is_none else parsed(said.at, said.days, said.zone, said.cron)
            update["scheduled"] = time.time()
        if wish.window is not None:
            update["window"] = str(parsed_window(wish.window)) if wish.window.strip() else None
        if wish.by is not None:
            update["by"] = time_and_zone(wish.by) if wish.by.strip() else None
        return update

    def _banks(self) -> Banks:
        return BankStore(self._settings).banks

    def _change(self, change: Callable[[Found], Found]) -> Found:
        """Replaces the list by what `change` makes of it. Raises Conflict("collection_name_taken"), Unavailable."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with file_lock(self.root / ".lock"):
            rows = sorted(change(self.list()), key=lambda row: (row.name.casefold(), row.id))
            names = [row.name.casefold() for row in rows]
            if taken := next((row.name for row in rows if names.count(row.name.casefold()) > 1), None):
                raise Conflict("collection_name_taken", name=taken)
            document = _Registry(collections=rows).model_dump(mode="json")
            write_atomic(self.path, json.dumps(document, ensure_ascii=True, indent=1).encode())
        return rows
