"""Makes samples of corrected photos: the embedding that their job kept, and the thumbnail that a worker left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing

import numpy as np

from shared.bank.manifest import Origin
from shared.bank.store import BankStore
from shared.core.errors import NotFound
from shared.core.settings import Settings
from shared.curation.derive import Change, NewSample, derive
from shared.curation.proposals import Proposal, proposals
from shared.curation.writer import Progress, silent
from shared.jobs.ledger import Ledger
from shared.jobs.projection import open_projection

#: A job and the index of one of its items.
Place = tuple[str, int]


def add_corrections(
    settings: Settings,
    ledger: Ledger,
    version: str | None = None,
    places: Sequence[Place] | None = None,
    progress: Progress = silent,
    by: str | None = None,
) -> str:
    """Makes a version from `version` with these proposals (None: all that no one disputes).

    `version` None: the active one of the default bank. `by`: who asks for it. Returns it, not yet published.

    Raises NotFound (a place that is no proposal, nothing to add, an embedding that was not kept), BankError,
    InvalidRequest("class_clash"), Unavailable.
    """
    store = BankStore(settings)
    found = proposals(settings, ledger, store, version)
    proposed: dict[Place, Proposal] = {(row.job, row.index): row for row in found.proposals}
    if places is None:
        places = [place for place, row in proposed.items() if not row.disputed]
    if not places:
        raise NotFound(what="corrections to add")
    missing = next((place for place in places if place not in proposed), None)
    if missing is not None:
        raise NotFound(what=f"correction {missing[0]}:{missing[1]}")
    chosen = [proposed[place] for place in dict.fromkeys(places)]
    change = Change(add=_samples(settings, store, chosen))
    return derive(settings, found.version, change, origin=Origin.ADD, progress=progress, by=by)


def _samples(settings: Settings, store: BankStore, rows: Sequence[Proposal]) -> list[NewSample]:
    by_job: defaultdict[str, list[Proposal]] = defaultdict(list)
    for row in rows:
        by_job[row.job].append(row)
    samples = []
    for job, own in by_job.items():
        with closing(open_projection(settings, job)) as projection:
            vectors = projection.vectors(row.index for row in own)
        for row in own:
            if row.index not in vectors:
                raise NotFound(what=f"embedding {job}:{row.index}")
            samples.append(
                NewSample(
                    label=row.label,
                    name=row.name,
                    sha256=row.sha256,
                    vector=np.frombuffer(vectors[row.index], np.float16),
                    jpeg=store.storage.thumb(row.sha256) or b"",
                )
            )
    return samples
