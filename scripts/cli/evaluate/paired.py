"""Two versions judged on the same photos, as with two models: which is better, and how sure that is."""

from __future__ import annotations

import numpy as np

from scripts.cli.evaluate.evaluation import Paired
from scripts.cli.evaluate.outcome import rounded
from scripts.cli.evaluate.own_photos import Crossed
from shared.bank.store import BankStore
from shared.core.errors import InvalidRequest
from shared.ranking.fitting.bootstrap import PhotoBootstrap
from shared.ranking.fitting.fit import sample_for_evaluation
from shared.ranking.methods import Ints

#: Photos of both versions below which nothing is said.
_LEAST = 20


def paired(store: BankStore, first: Crossed, second: Crossed) -> Paired:
    """Top-1 of both on the photos that both asked: the same file in the same class.

    Raises InvalidRequest where those are fewer than 20.
    """
    ours, theirs = _queries(store, first), _queries(store, second)
    both = [sample for sample in ours if sample in theirs]
    if len(both) < _LEAST:
        raise InvalidRequest(
            reason=f"{first.bank.version} and {second.bank.version} share {len(both)} photos that can be tested; "
            f"a comparison needs {_LEAST}"
        )
    here = np.array([ours[sample] for sample in both])
    there = np.array([theirs[sample] for sample in both])
    before, after = first.answers.rank[here] == 0, second.answers.rank[there] == 0
    photos: Ints = first.loo.photo[here]
    return Paired(
        bank=second.bank.version,
        model=second.bank.model,
        photos=len(both),
        top1_first=round(float(before.mean()), 4),
        top1_second=round(float(after.mean()), 4),
        difference=round(float(after.mean() - before.mean()), 4),
        interval=rounded(PhotoBootstrap(photos).difference(before, after)),
        only_first_right=int((before & ~after).sum()),
        only_second_right=int((after & ~before).sum()),
    )


def _queries(store: BankStore, found: Crossed) -> dict[str, int]:
    """The number of each query by its sample's id, which names class and file."""
    bank = found.bank
    rows = store.of_version(bank.version).samples(bank.version)
    picked = sample_for_evaluation(np.repeat(np.arange(len(bank.labels)), bank.counts))
    return {rows[row].id: number for number, row in enumerate(picked[found.loo.queries].tolist())}
