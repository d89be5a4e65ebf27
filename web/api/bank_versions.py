"""Versions of the bank: list, compare, publish, roll back; and the corrections that could become samples."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from shared.curation.compare import compare
from shared.curation.proposals import proposals
from web.bank_schemas import CompareQuery, DiffOut, ProposalList, VersionList
from web.context import services

bp = APIBlueprint("bank_versions", __name__, tag="Bank")


@bp.get("/bank/versions")
@bp.output(VersionList)
def versions() -> dict[str, Any]:
    """All versions, newest first."""
    return listed()


@bp.post("/bank/versions/<version>/publish")
@bp.output(VersionList)
def publish(version: str) -> dict[str, Any]:
    """Make a version active: jobs submitted from now on use it, running ones keep theirs."""
    services().banks.publish(version)
    return listed()


@bp.post("/bank/rollback")
@bp.output(VersionList)
def rollback() -> dict[str, Any]:
    """Make the previous version active again."""
    services().banks.rollback()
    return listed()


@bp.get("/bank/compare")
@bp.input(CompareQuery, location="query", arg_name="query")
@bp.output(DiffOut)
def compared(query: CompareQuery) -> dict[str, Any]:
    """What differs between two versions."""
    return difference(query.old, query.new)


@bp.get("/bank/proposals")
@bp.output(ProposalList)
def proposed() -> dict[str, Any]:
    """Corrections that could become samples, newest jobs first."""
    return corrections()


def listed() -> dict[str, Any]:
    """All versions, which is active, and which a rollback would bring back."""
    banks = services().banks
    history = [entry["version"] for entry in banks.history()]
    return {
        "current": banks.current(),
        "previous": history[-2] if len(history) > 1 else None,
        "versions": banks.list(),
    }


def difference(old: str | None, new: str | None) -> dict[str, Any]:
    """`compare`, with the active version in place of one that is not named."""
    banks = services().banks
    return compare(banks, banks.manifest(old)["version"], banks.manifest(new)["version"])


def corrections() -> dict[str, Any]:
    at = services()
    return proposals(at.settings, at.ledger, at.banks)
