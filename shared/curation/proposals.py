"""Corrections as proposed samples: what people said in jobs, and the bank does not know yet. No numpy here."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import structlog

from shared.bank.class_names import ClassNames, Spellings
from shared.bank.store import BankStore
from shared.core.names import is_usable_label
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.projection import open_projection

_log = structlog.get_logger(__name__)

#: Newest jobs whose corrections are looked through.
JOBS = 500


def proposals(settings: Settings, ledger: Ledger, store: BankStore, version: str | None = None) -> dict[str, Any]:
    """Corrected photos that `version` (None: the one in force) has neither as a sample nor set aside.

    `{"version", "proposals": [{"job", "job_name", "index", "name", "sha256", "label", "new_class", "disputed",
    "predicted", "confidence"}], "other_model": count}`; of the same photo under the same label only the newest
    correction. `label` is the bank's own where the corrected one means one of its classes (another case, width or
    Unicode form, a name in Chinese or English, an alias). `disputed`: the same photo was given several labels.
    `other_model` counts the corrections whose embeddings this bank cannot use.

    Raises NotFound, BankError("no_bank", "bank_damaged"), Unavailable.
    """
    manifest = store.manifest(version)
    spellings = Spellings(ClassNames(manifest["classes"]))
    samples = (*store.samples(manifest["version"]), *store.aside(manifest["version"]))
    known = {(sample["label"], sample["sha256"]) for sample in samples}
    labels = {entry["label"] for entry in manifest["classes"]}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    foreign = 0
    for job in ledger.listed(limit=JOBS):
        if job.kind == "classify" or not (settings.jobs_dir / f"{job.id}.sqlite").exists():
            continue
        try:
            with closing(open_projection(settings, job.id)) as projection:
                corrected = projection.corrections()
        except sqlite3.Error as error:
            # One damaged file must not hide everybody else's corrections.
            _log.error("projection_unreadable", job=job.id, error=str(error))
            continue
        if job.identity != manifest["identity"]:
            foreign += len(corrected)
            continue
        for item in corrected:
            label = spellings.settle(item["corrected"])
            key = (label, item["sha256"])
            if item["sha256"] is None or key in known or key in found:
                continue
            if label not in labels and not is_usable_label(label):
                # Said before labels were checked; a class of that name could not be reached.
                _log.warning("correction_unusable", job=job.id, index=item["index"])
                continue
            found[key] = {
                "job": job.id,
                "job_name": job.name,
                **{name: item[name] for name in ("index", "name", "sha256", "confidence")},
                "label": label,
                "new_class": label not in labels,
                "predicted": item["label"],
            }
    rows = list(found.values())
    votes: dict[str, set[str]] = {}
    for row in rows:
        votes.setdefault(row["sha256"], set()).add(row["label"])
    for row in rows:
        row["disputed"] = len(votes[row["sha256"]]) > 1
    return {"version": manifest["version"], "proposals": rows, "other_model": foreign}
