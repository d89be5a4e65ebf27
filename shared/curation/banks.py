"""Banks made, also as copies of others, and deleted. No numpy here."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator

from shared.bank.banks import BankInfo
from shared.bank.manifest import DEMO_NAME, MANIFEST, NAMES_NAME, Manifest, Origin, seal_manifest
from shared.bank.store import BankStore
from shared.core.errors import Conflict
from shared.core.files import link_or_copy
from shared.core.settings import Settings
from shared.curation import tasks
from shared.jobs.job_search import JobFilter
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job

#: Jobs that the refusal to delete a bank names.
_NAMED = 3


def new_bank(
    store: BankStore, name: str, notes: str = "", copy_of: str | None = None, by: str | None = None
) -> BankInfo:
    """Makes a bank: empty, or with the active version of `copy_of` (an id or name) as its first one, active at once.

    `store`: of any bank. `by`: who asks for it.

    Raises InvalidRequest("bank_name_empty"), Conflict("bank_name_taken"), NotFound, BankError("no_bank",
    "bank_damaged"), Unavailable.
    """
    source = None if copy_of is None else store.of(copy_of).manifest()
    made = store.banks.new(name, notes)
    if source is not None:
        own = store.of(made.id)
        try:
            own.publish(_copy(own, source, by), by)
        except BaseException:
            store.banks.forget(made.id)
            raise
    return made


def _copy(store: BankStore, source: Manifest, by: str | None) -> str:
    """A version of another bank as one of the store's own: the same files under a name of its own."""
    created = time.time()
    digest = hashlib.sha256(f"{created!r} {source.digest} {store.bank}".encode()).hexdigest()[:6]
    version = f"{store.bank}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime(created))}-{digest}"
    told = {"version": version, "bank": store.bank, "created": created, "origin": Origin.COPY, "parent": source.version}
    if source.name in (DEMO_NAME, NAMES_NAME):
        # It is the user's own now.
        told["name"] = ""
    manifest = source.model_copy(update=told | ({"by": by} if by else {}))
    with store.new_folder() as target:
        shutil.copytree(store.whole_folder(source.version), target, copy_function=link_or_copy, dirs_exist_ok=True)
        # The other version's own file may be the same inode: it is replaced, never written into.
        (target / MANIFEST).unlink()
        seal_manifest(target, manifest, list(source.files))
        store.keep(target, version)
    return version


def delete_bank(settings: Settings, ledger: Ledger, store: BankStore, bank: str) -> list[str]:
    """Deletes a bank (by id or name) with all its versions, and returns these. Archived jobs keep their results.

    Raises NotFound, Conflict (`bank_default_stays`, `bank_busy`; `bank_in_use` while jobs in the ledger use it: they
    have not ended, or can be retried), Unavailable.
    """
    info = store.banks.find(bank)
    # No new job chooses it from here on.
    store.banks.change(info.id, archived=True)
    try:
        if jobs := list(_needed_by(ledger, info.id)):
            names = ", ".join(job.name for job in jobs[:_NAMED])
            raise Conflict("bank_in_use", name=info.name, jobs=len(jobs), names=names)
        if tasks.running(settings):
            raise Conflict("bank_busy")
    except BaseException:
        store.banks.change(info.id, archived=info.archived)
        raise
    own = store.of(info.id)
    versions = [entry.version for entry in own.list()]
    store.banks.forget(info.id)
    own.state.write([], [])
    for version in versions:
        own.remove(version)
    return versions


def _needed_by(ledger: Ledger, bank: str) -> Iterator[Job]:
    seen = set()
    listed = ledger.listed(limit=500, wanted=JobFilter(bank=bank, archived=False))
    for job in (*listed, *ledger.active()):
        if job.bank_id == bank and job.id not in seen:
            seen.add(job.id)
            yield job
