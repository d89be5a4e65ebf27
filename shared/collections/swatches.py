"""Swatch cards among the photos of a collection: what was found on each is written down before a job is made of it.

So a run that is interrupted submits the very same swatches, and looks only at the photos that it had not come to.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from itertools import chain

from shared.collections.collection import Collection
from shared.collections.index import Index
from shared.collections.listing import FolderGone
from shared.core.chunked import chunked
from shared.core.errors import NotFound, PhotoError
from shared.core.names import path_name
from shared.core.settings import Settings
from shared.jobs.intake.cards import Card, Cards
from shared.jobs.intake.folders import SHARE_ERRORS, holds_something
from shared.jobs.model import Item
from shared.photos.box import Box

#: Photos that are looked at between two notes of what was found.
_AT_ONCE = 16
_NS = 1_000_000_000
#: A photo of the plan, with the hash of its copy and what was found on it.
_PLANNED = (
    "SELECT plan.*, read.sha256 AS sha256, cards.sha256 AS card, cards.boxes AS boxes FROM plan"
    " LEFT JOIN read ON read.path = plan.path LEFT JOIN cards ON cards.path = plan.path ORDER BY plan.idx"
)


def find_planned(index: Index, collection: Collection, settings: Settings) -> None:
    """Looks at the photos of the plan that are to be cut and were not looked at yet.

    Raises FolderGone, Unavailable.
    """
    rows = [row for row in index.db.execute(_PLANNED) if not row["parts"]]
    if not rows:
        return
    photos = (_photo(row, collection) for row in rows)
    with Cards(settings, settings.roots).looked_at(photos) as looked:
        for group in chunked(zip(rows, looked, strict=True), _AT_ONCE):
            cards = [(row, _card(collection, found)) for row, (_, found) in group]
            with index.transaction():
                for row, card in cards:
                    boxes = json.dumps([[box.x, box.y, box.width, box.height] for box in card.boxes])
                    index.db.execute("INSERT OR REPLACE INTO cards VALUES (?, ?, ?)", (row["path"], card.sha256, boxes))
                    parts = (max(1, len(card.boxes)), row["idx"])
                    index.db.execute("UPDATE plan SET parts = ? WHERE idx = ?", parts)


def planned(index: Index, collection: Collection) -> Iterator[Item]:
    """The items of a plan, one after another; all its photos were looked at."""
    rows = index.db.execute(_PLANNED)
    items = chain.from_iterable(_items(row, _photo(row, collection)) for row in rows)
    for number, item in enumerate(items):
        yield replace(item, index=number)


def _items(row: sqlite3.Row, photo: Item) -> list[Item]:
    """What is not to be cut has no card, or one without boxes."""
    return Card(row["card"] or "", [Box(*box) for box in json.loads(row["boxes"] or "[]")]).items(photo)


def _photo(row: sqlite3.Row, collection: Collection) -> Item:
    path = os.fsdecode(row["path"])
    name = path_name(path[len(collection.parent.rstrip("/")) + 1 :])
    if collection.in_bucket:
        return Item(0, name, sha256=row["sha256"], size=row["size"])
    return Item(0, name, path=path, size=row["size"], mtime=round(row["mtime"] / _NS, 3))


def _card(collection: Collection, found: Future[Card]) -> Card:
    try:
        return found.result()
    except (PhotoError, NotFound):
        pass
    except OSError as error:
        if error.errno in SHARE_ERRORS or not holds_something(collection.parent):
            raise FolderGone(path=path_name(collection.parent), known=0) from error
    # Whoever classifies the photo says what is wrong with it.
    return Card("", ())
