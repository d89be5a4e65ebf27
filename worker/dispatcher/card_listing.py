"""Lists a folder whose photos of swatch cards become an item for each swatch, of which nothing is copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from shared.core.errors import PhotoError
from shared.core.settings import CHUNK_ITEMS, Settings
from shared.jobs.intake.cards import Card, Cards
from shared.jobs.intake.folders import SHARE_ERRORS, holds_something
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.dispatcher_ledger import DispatcherLedger
from shared.jobs.model import Item, Job
from worker.dispatcher.listing import Listed, Lister, ShareGone


class CardLister(Lister):
    def __init__(self, settings: Settings, ledger: Ledger, dispatcher_ledger: DispatcherLedger, job: Job) -> None:
        super().__init__(ledger, dispatcher_ledger, job)
        self._cards = Cards(settings, settings.roots)

    @contextmanager
    def _parted(self, root: Path, files: Iterator[Listed]) -> Iterator[Iterator[Listed]]:
        listed: dict[str, Listed] = {}

        def photos() -> Iterator[Item]:
            for file in files:
                (photo,) = file.items
                listed[photo.path or ""] = file
                yield photo

        with self._cards.looked_at(photos()) as looked:
            yield (
                replace(listed.pop(photo.path or ""), items=_card(root, found).items(photo)) for photo, found in looked
            )

    def _due(self, waiting: Sequence[Listed]) -> int:
        # Photos are looked at more slowly than workers classify them: nothing is held back.
        return len(waiting) if sum(len(file.items) for file in waiting) >= CHUNK_ITEMS else 0


def _card(root: Path, found: Future[Card]) -> Card:
    """Raises ShareGone, Unavailable."""
    try:
        return found.result()
    except PhotoError:
        pass
    except OSError as error:
        if error.errno in SHARE_ERRORS or not holds_something(root):
            raise ShareGone from error
    # Whoever classifies the photo says what is wrong with it.
    return Card("", ())
