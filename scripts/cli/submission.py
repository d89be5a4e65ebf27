"""What the commands that submit photos here share: options, the parts of an intake, how far the photos are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import click

from scripts.cli import output
from shared.bank.store import BankStore
from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.jobs.intake.receive import Survey
from shared.jobs.intake.submission import Intake, chosen_preset
from shared.jobs.ledger import Ledger
from shared.ranking.model import PRESETS
from shared.storage import open_storage


class PresetName(click.Choice[str]):
    """A preset, refused with the sentence that pages and API give."""

    def __init__(self) -> None:
        super().__init__(list(PRESETS))

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The value itself."""
        try:
            return chosen_preset(value, value)
        except InvalidRequest as error:
            self.fail(str(error), param, ctx)


def intake(settings: Settings, ledger: Ledger, banks: BankStore) -> Intake:
    """For one submission. Raises Unavailable where there is no room for it."""
    return Intake(settings, ledger, open_storage(settings), banks)


class Shown:
    """Progress of photos on stderr; a context that ends it."""

    def __init__(self, title: str, planned: Callable[[Survey], None] = lambda survey: None) -> None:
        self._title = title
        self._planned = planned
        self._stack = ExitStack()
        self._update: Callable[..., None] | None = None
        #: Photos that are durable, and all of them; 0 while nothing is planned.
        self.done = self.total = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def planned(self, survey: Survey) -> None:
        """Says what will be done, and begins to show how far it is."""
        self._planned(survey)
        self.total = survey.photos
        self._update = self._stack.enter_context(output.progress(self._title, survey.photos))

    def stored(self, photos: int) -> None:
        """Shows that this number of photos is durable."""
        self.done = photos
        if self._update is not None:
            self._update(photos)
