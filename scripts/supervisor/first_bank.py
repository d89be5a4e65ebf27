"""When `weft up` may make a bank of its own: there is none, or only one that it made for another model or purpose."""

from __future__ import annotations

from shared.bank.store import BankStore
from shared.core.errors import ModelError
from shared.core.settings import Settings
from shared.encoder import describe

#: Names of the banks that `weft up` makes: of rendered samples, and of class names alone.
DEMO, NAMES = "demo", "names"


def wanted(settings: Settings, name: str) -> bool:
    """Whether to make the bank `name` now; a person's own bank is never replaced, class names give way to samples."""
    banks = BankStore(settings)
    current = banks.current()
    if current is None:
        return True
    manifest = banks.manifest(current)
    if manifest["name"] not in (DEMO, NAMES):
        return False
    if (name, manifest["name"]) == (DEMO, NAMES):
        return True
    try:
        return bool(manifest["identity"] != describe(settings).identity)
    except ModelError:
        return True
