"""Corrections as proposed samples: what people said in jobs, and the bank does not know yet. No numpy here."""

from __future__ import annotations

import sqlite3
from collections.abc import Set
from contextlib import closing
from itertools import chain

import structlog

from shared.bank.class_names import ClassNames, Spellings
from shared.bank.store import BankStore
from shared.core.documents import Document
from shared.core.names import is_usable_label
from shared.core.settings import Settings
from shared.jobs.job_search import JobFilter
from shared.jobs.ledger import Ledger
from shared.jobs.projection import open_projection

_log = structlog.get_logger(__name__)

#: Newest jobs whose corrections are looked through.
JOBS = 500


class Proposal(Document):
    """A corrected photo that the bank does not know yet."""

    job: str
    job_name: str
    index: int
    name: str
    sha256: str
    #: Of the prediction.
    confidence: float | None
    #: The bank's own where the corrected one means one of its classes: another case, width or Unicode form, a name in
    #: Chinese or English, an alias.
    label: str
    new_class: bool
    predicted: str | None
    #: The same photo was given several labels.
    disputed: bool


class Proposals(Document):
    """Corrections that could become samples of `version`."""

    version: str
    proposals: list[Proposal]
    #: Corrections whose embeddings this version cannot use.
    other_model: int


def proposals(settings: Settings, ledger: Ledger, store: BankStore, version: str | None = None) -> Proposals:
    """Corrected photos of jobs of the bank that `version` (None: the active one) has neither as a sample nor set aside.

    Of the same photo under the same label only the newest correction.

    Raises NotFound, BankError("no_bank", "bank_damaged"), Unavailable.
    """
    manifest = store.manifest(version)
    spellings = Spellings(ClassNames(manifest.classes))
    labels = {entry.label for entry in manifest.classes}
    found: dict[tuple[str, str], Proposal] = {}
    foreign = 0
    for job in ledger.listed(JOBS, wanted=JobFilter(bank=manifest.bank)):
        if job.kind == "classify" or not (settings.jobs_dir / f"{job.id}.sqlite").exists():
            continue
        try:
            with closing(open_projection(settings, job.id)) as projection:
                corrected = projection.corrections()
        except sqlite3.Error as error:
            # One damaged file must not hide everybody else's corrections.
            _log.error("projection_unreadable", job=job.id, error=str(error))
            continue
        if job.identity != manifest.identity:
            foreign += len(corrected)
            continue
        for item in corrected:
            corrected_to, sha256 = item["corrected"], item["sha256"]
            if corrected_to is None or sha256 is None:
                continue
            label = spellings.settle(corrected_to)
            key = (label, sha256)
            if key in found:
                continue
            if label not in labels and not is_usable_label(label):
                # Said before labels were checked; a class of that name could not be reached.
                _log.warning("correction_unusable", job=job.id, index=item["index"])
                continue
            found[key] = Proposal(
                job=job.id,
                job_name=job.name,
                index=item["index"],
                name=item["name"],
                sha256=sha256,
                confidence=item["confidence"],
                label=label,
                new_class=label not in labels,
                predicted=item["label"],
                disputed=False,
            )
    for key in _known(store, manifest.version, found.keys()):
        del found[key]
    votes: dict[str, set[str]] = {}
    for row in found.values():
        votes.setdefault(row.sha256, set()).add(row.label)
    rows = [row.model_copy(update={"disputed": len(votes[row.sha256]) > 1}) for row in found.values()]
    return Proposals(version=manifest.version, proposals=rows, other_model=foreign)


def _known(store: BankStore, version: str, asked: Set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which of these labels and photos a version has, as samples or set aside. Only classes asked for are read."""
    labels = {label for label, _ in asked}
    if not labels:
        return set()
    samples = (row for found in store.classes(version) if found.entry.label in labels for row in found.samples)
    return {
        (row.label, row.sha256) for row in chain(samples, store.aside_rows(version)) if (row.label, row.sha256) in asked
    }
