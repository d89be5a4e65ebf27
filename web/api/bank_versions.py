"""Versions of the bank: list, compare, publish, roll back; and the corrections that could become samples."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import g

from shared.bank.state import Publication
from shared.bank.store import BankStore, VersionEntry
from shared.curation.compare import Comparison, compare
from shared.curation.proposals import Proposals, proposals
from web.access.visitor import owner
from web.bank_choice import bank_store
from web.bank_drift import drift_of
from web.bank_schemas import (
    BankChoice,
    CompareQuery,
    DiffOut,
    DriftOut,
    DriftQuery,
    ProposalList,
    VersionList,
    VersionOut,
)
from web.context import services

bp = APIBlueprint("bank_versions", __name__, tag="Bank")


@bp.get("/bank/versions")
@bp.input(BankChoice, location="query", arg_name="query")
@bp.output(VersionList)
def versions(query: BankChoice) -> VersionList:
    """All versions of a bank, newest first."""
    return listed(bank_store())


@bp.post("/bank/versions/<version>/publish")
@bp.output(VersionList)
def publish(version: str) -> VersionList:
    """Make a version the active one of its bank: jobs submitted from now on use it, running ones keep theirs."""
    store = services().banks.of_version(version)
    store.publish(version, owner())
    return listed(store)


@bp.post("/bank/rollback")
@bp.input(BankChoice, location="query", arg_name="query")
@bp.output(VersionList)
def rollback(query: BankChoice) -> VersionList:
    """Make a bank's previous version active again."""
    g.acted_on = bank_store().rollback()
    return listed(bank_store())


@bp.get("/bank/compare")
@bp.input(CompareQuery, location="query", arg_name="query")
@bp.output(DiffOut)
def compared(query: CompareQuery) -> DiffOut:
    """What differs between two versions."""
    return DiffOut.model_validate(difference(query.old, query.new).to_json())


@bp.get("/bank/drift")
@bp.input(DriftQuery, location="query", arg_name="query")
@bp.output(DriftOut)
def drift(query: DriftQuery) -> DriftOut:
    """Whether the answers of the last days' jobs are less certain than those to the bank's own photos, which its last
    check asked. Of many jobs, the newest are read."""
    store = services().banks.of_version(query.version) if query.version else bank_store()
    return drift_of(store.manifest(query.version).version, query.days)


@bp.get("/bank/proposals")
@bp.input(BankChoice, location="query", arg_name="query")
@bp.output(ProposalList)
def proposed(query: BankChoice) -> ProposalList:
    """Corrections in jobs of a bank that could become its samples, newest jobs first."""
    return ProposalList.model_validate(corrections().to_json())


def listed(banks: BankStore) -> VersionList:
    """All versions of a bank, which is active, and which a rollback would bring back."""
    published = banks.history()
    history = [entry.version for entry in published]
    last = {entry.version: entry for entry in published}
    return VersionList(
        bank=banks.bank,
        current=banks.current(),
        previous=history[-2] if len(history) > 1 else None,
        versions=[_shown(entry, last.get(entry.version)) for entry in banks.list()],
    )


def _shown(entry: VersionEntry, published: Publication | None) -> VersionOut:
    found = VersionOut.model_validate(entry.to_json())
    if published is None:
        return found
    return found.model_copy(update={"published": published.at, "published_by": published.by})


def difference(old: str | None, new: str | None) -> Comparison:
    """`compare`, with the active version in place of one that is not named."""
    banks = services().banks.of_version(old or new) if old or new else bank_store()
    return compare(banks, banks.manifest(old).version, banks.manifest(new).version)


def corrections() -> Proposals:
    at = services()
    return proposals(at.settings, at.ledger, bank_store())
