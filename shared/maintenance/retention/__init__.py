"""What is kept, and for how long: one policy a kind, carried out by the dispatcher and by `weft gc`.

| kind | removed when | setting |
| blobs, thumbs | no job names them, and nobody has asked for them for so long | `WEFT_UPLOADS_DAYS` |
| results | the job is archived and ended so long ago, and nobody has reviewed its photos | `WEFT_RESULTS_DAYS` |
| bank_versions | it is none of a bank's newest | `WEFT_BANK_VERSIONS` |
| index_tables | the bank server has a copy of a version that is gone | |
| models | neither settings nor a bank nor a worker names it, and it is so old | `WEFT_MODELS_DAYS` |

0 keeps a kind for ever. What is pinned, active or in use stays whatever its policy says.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

from shared.core import measuring
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.maintenance.retention import bank_versions, index_tables, models, results, unnamed
from shared.maintenance.retention.pins import Pins
from shared.maintenance.retention.plan import GONE, Due, Found, Policies
from shared.storage import Storage

__all__ = ["KINDS", "Due", "Found", "Policies", "look", "remove"]

#: Kind → what is due of it.
_LOOKS: dict[str, Callable[[Settings, Ledger, Storage, Policies, Pins], Iterator[Due]]] = {
    "results": results.due,
    "blobs": unnamed.blobs_due,
    "thumbs": unnamed.thumbs_due,
    "bank_versions": bank_versions.due,
    "models": models.due,
    "index_tables": index_tables.due,
}
KINDS = tuple(_LOOKS)
#: What disk use and metrics call them.
_MEASURED = {"blobs": "uploads", "thumbs": "thumbnails", "bank_versions": "banks"}


def look(settings: Settings, ledger: Ledger, storage: Storage, policies: Policies) -> dict[str, Found]:
    """What each policy would take now.

    Raises:
        Unavailable: without the ledger or the storage nobody knows what is needed.
        Conflict: the results of a job cannot be read, so nobody knows which uploads it needs (`projection_damaged`).
    """
    pins = Pins(settings).read()
    return {
        kind: Found(list(due(settings, ledger, storage, policies, pins)) if policies.wants(kind) else [])
        for kind, due in _LOOKS.items()
    }


def remove(settings: Settings, ledger: Ledger, storage: Storage, policies: Policies) -> dict[str, Found]:
    """Takes it, each thing after another look at it; returns what is gone. Raises as `look`."""
    _forget_remains(settings)
    gone: dict[str, Found] = {}
    # One kind after the other: uploads of a job whose results have just gone are due from then on.
    for kind in KINDS:
        found = look(settings, ledger, storage, policies.only(kind))[kind]
        gone[kind] = Found([due for due in found.due if due.take()])
        measuring.removed(_MEASURED.get(kind, kind), gone[kind].bytes)
    return gone


def _forget_remains(settings: Settings) -> None:
    """What somebody who ended in the middle has put aside, and not removed yet."""
    for root in (settings.data_dir / "banks", settings.model_store):
        for folder in root.glob(f"{GONE}*"):
            shutil.rmtree(folder, ignore_errors=True)


def smallest_days(policies: Policies) -> float:
    """Of the policies that want something; infinite where none does."""
    return min((days for days in (policies.uploads, policies.results, policies.models) if days), default=float("inf"))
