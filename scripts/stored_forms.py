"""The version of all that Weft stores, and what an earlier program does with a later one: for docs/upgrades.md."""

from __future__ import annotations

from dataclasses import dataclass

from shared.bank import manifest as bank
from shared.collections import index
from shared.encoder import store as models
from shared.jobs import projection_schema
from shared.jobs.ledger import keys
from shared.jobs.sorting import manifest as sorting


@dataclass(frozen=True)
class Form:
    what: str
    #: Of this program.
    version: int
    #: Versions that this program reads.
    reads: str
    #: What a program does that does not know the version.
    refused: str


FORMS = (
    Form(
        "the ledger in Redis (`weft:schema`) and its backups",
        keys.SCHEMA,
        "this one; rows may have more fields, which others leave alone",
        "all of it (`schema_unknown`)",
    ),
    Form("results of a job, `jobs/ID.sqlite`", len(projection_schema.STEPS), "all", "this job (`projection_unknown`)"),
    Form("a collection, `collections/ID.sqlite`", len(index.STEPS), "all", "this collection (`projection_unknown`)"),
    Form("a version of a bank, `manifest.json`", bank.FORMAT, "this one", "this version (`bank_damaged`)"),
    Form("a converted model, `manifest.json`", models.FORMAT, "this one", "nothing: it is converted again beside it"),
    Form("a tree of `weft sort`", sorting.VERSION, "all", "this tree (`sort_unknown`)"),
)
