"""Builds a bank from class names only when there is none, so that photos can be classified at once.

`python -m scripts.supervisor.names` runs as a separate process: it loads the model's text tower, which workers do not.
"""

from __future__ import annotations

import os
import sys

from scripts.supervisor.first_bank import NAMES, bank_needed
from shared.bank.store import BankStore
from shared.core.errors import WeftError
from shared.core.messages import sentence
from shared.core.settings import Settings
from shared.curation.building_marker import building


def main() -> int:
    """Builds and publishes it; returns an exit code. Without torch or a text tower no bank is built."""
    os.nice(5)
    settings = Settings()
    with building(settings, "names"):
        if not bank_needed(settings, NAMES):
            return 0
        from shared.curation.name_bank import build_names_bank

        try:
            version = build_names_bank(settings)
        except WeftError as error:
            print(sentence(error.code, **error.detail), file=sys.stderr, flush=True)
            return 0
        if version is not None and bank_needed(settings, NAMES):
            BankStore(settings).publish(version)
    return 0


if __name__ == "__main__":
    sys.exit(main())
