"""What every request needs: settings, the ledger, storage and banks, each opened when first asked for."""

from __future__ import annotations

import hashlib
import threading
import time
from functools import cached_property
from pathlib import Path

from apiflask import APIFlask
from flask import current_app

from shared.bank.class_names import ClassNames, class_names
from shared.bank.store import BankStore
from shared.core.errors import Unavailable, WeftError
from shared.core.private_files import make_data_dir
from shared.core.settings import Settings
from shared.jobs.intake.submission import Intake
from shared.jobs.ledger import Ledger
from shared.photos.viewing import Viewer
from shared.similar.client import Similar
from shared.storage import Storage, open_storage
from web.kept_counts import Counts

#: Seconds after a failed attempt to connect in which nobody tries again (a circuit breaker): requests that came
#: meanwhile would wait one after another, each for an attempt of its own.
_RECONNECT_COOLDOWN = 1.0


class Services:
    """One per process. Pages answer before Redis does: the ledger connects on first use, and again after a failure."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._connecting = threading.Lock()
        self._ledger: Ledger | None = None
        self._retry_at = 0.0
        self._class_names: dict[tuple[str | None, str | None], ClassNames] = {}

    @property
    def ledger(self) -> Ledger:
        """Raises `Unavailable("redis_unavailable")`."""
        with self._connecting:
            if self._ledger is None:
                if time.monotonic() < self._retry_at:
                    raise Unavailable("redis_unavailable")
                try:
                    self._ledger = Ledger.connect(self.settings, fail_fast=True)
                except Unavailable:
                    self._retry_at = time.monotonic() + _RECONNECT_COOLDOWN
                    raise
            return self._ledger

    @cached_property
    def storage(self) -> Storage:
        return open_storage(self.settings)

    @cached_property
    def counts(self) -> Counts:
        return Counts()

    @cached_property
    def orders(self) -> Counts:
        """Of results under filters, as indexes: at most 1.6 MB each."""
        return Counts(16)

    @cached_property
    def comparisons(self) -> Counts:
        """Of two jobs each: at most 3.2 MB for 200,000 photos."""
        return Counts(8)

    def reviewed(self, job_id: str) -> None:
        """Somebody has reviewed photos of the job: what was counted before is no longer so."""
        self.counts.reviewed(job_id)
        self.orders.reviewed(job_id)

    @cached_property
    def viewer(self) -> Viewer:
        return Viewer()

    @cached_property
    def similar(self) -> Similar:
        return Similar(self.settings)

    @cached_property
    def banks(self) -> BankStore:
        return BankStore(self.settings)

    @cached_property
    def asset_version(self) -> str:
        """Changes when any static file does."""
        digest = hashlib.sha256()
        for path in sorted((Path(__file__).parent / "static").rglob("*.*")):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:10]

    def reconnect(self) -> None:
        """Redis went away: where it is may have changed, so the next request looks again."""
        self._ledger = None

    def spool_dir(self) -> Path:
        return self.storage.spool_dir()

    def active_bank(self) -> str | None:
        """The version of the active bank; None where there is none, or it cannot be told."""
        try:
            return self.banks.current()
        except WeftError:
            return None

    def class_names(self, version: str | None = None) -> ClassNames:
        """What names of classes mean in a version (None: the active one) and in the active version of its bank; made
        once for each pair of versions."""
        active = self.active_beside(version)
        key = (version or active, active)
        if key not in self._class_names:
            # Versions never change, and a site sees few of them at a time.
            self._class_names = dict(list(self._class_names.items())[-7:]) | {key: class_names(self.banks, version)}
        return self._class_names[key]

    def active_beside(self, version: str | None) -> str | None:
        """The active version of the bank of a version; of the default bank where that cannot be told."""
        try:
            return self.banks.of_version(version).current()
        except WeftError:
            return self.active_bank()

    def intake(self, incoming_bytes: int = 0) -> Intake:
        """For one submission. Raises Unavailable where there is no room for it."""
        return Intake(self.settings, self.ledger, self.storage, self.banks, incoming_bytes)


def services() -> Services:
    found: Services = current_app.extensions["weft"]
    return found


def init_app(app: APIFlask, settings: Settings) -> None:
    make_data_dir(settings.data_dir)
    app.config["WEFT"] = settings
    app.extensions["weft"] = Services(settings)
