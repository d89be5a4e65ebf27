"""What `weft up` does where there is no bank: a bank of class names alone, so that photos can be classified at once.

`python -m scripts.supervisor.names`, a child process of its own: it loads the model's text tower, which no worker does.
"""

from __future__ import annotations

import os
import sys

from scripts.supervisor.first_bank import NAMES, wanted
from shared.bank.store import BankStore
from shared.core.errors import WeftError
from shared.core.messages import sentence
from shared.core.settings import Settings
from shared.curation.building_marker import making


def main() -> int:
    """Make and publish it; returns an exit code. A model without a text tower, or no torch: there is none then."""
    os.nice(5)
    settings = Settings()
    with making(settings, "names"):
        if not wanted(settings, NAMES):
            return 0
        from shared.curation.name_bank import build_names_bank

        try:
            version = build_names_bank(settings)
        except WeftError as error:
            print(sentence(error.code, **error.detail), file=sys.stderr, flush=True)
            return 0
        if version is not None and wanted(settings, NAMES):
            BankStore(settings).publish(version)
    return 0


if __name__ == "__main__":
    sys.exit(main())
