"""When `weft up` may build a bank itself: there is none, or only one that it built for another model or purpose."""

from __future__ import annotations

from shared.bank.manifest import DEMO_NAME, NAMES_NAME
from shared.bank.store import BankStore
from shared.core.errors import ModelError
from shared.core.settings import Settings
from shared.encoder import describe

#: Names of the banks that `weft up` builds: from rendered samples, and from class names only.
DEMO, NAMES = DEMO_NAME, NAMES_NAME


def bank_needed(settings: Settings, name: str) -> bool:
    """Whether to build the bank `name` now; a user's bank is never replaced, samples supersede class names."""
    banks = BankStore(settings)
    current = banks.current()
    if current is None:
        return True
    manifest = banks.manifest(current)
    if manifest.name not in (DEMO, NAMES):
        return False
    if (name, manifest.name) == (DEMO, NAMES):
        return True
    try:
        return manifest.identity != describe(settings).identity
    except ModelError:
        return True
