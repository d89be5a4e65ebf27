"""Which of several banks a request is about: `bank` in its address, an id or a name. Without it: the default bank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apiflask import APIFlask
from flask import g, has_request_context, request

from shared.bank.banks import BankInfo
from shared.bank.manifest import DEFAULT_BANK, Manifest
from shared.bank.store import BankStore
from shared.core.errors import BankError, WeftError
from shared.core.i18n import gettext as _
from shared.jobs.model import Job
from web.context import services

#: Addresses that stay within the bank that is shown: the bank's pages, and what their scripts call.
_WITHIN = ("pages.bank_", "bank_tasks.")


def bank_store() -> BankStore:
    """The store of the bank that the request names. Raises NotFound, Unavailable."""
    if "bank_store" not in g:
        found: BankStore = services().banks.of(request.args.get("bank", "").strip() or None)
        g.bank_store = found
    store: BankStore = g.bank_store
    return store


def bank_words(info: BankInfo) -> str:
    """What people call the bank."""
    return info.name or _("Default bank")


def words_of(bank: str) -> str:
    """What people call the bank of this id; the id itself of one that was deleted."""
    return next((bank_words(info) for info in all_banks() if info.id == bank), bank)


def of_job(job: Job) -> str:
    """The version that a job uses and, where there are several banks, whose it is."""
    return f"{words_of(job.bank_id)} · {job.bank}" if len(all_banks()) > 1 else job.bank


def usable_banks() -> list[Manifest]:
    """The active version of every bank that a new job may choose, the default one's first.

    Raises BankError("no_bank", "bank_damaged") where there is none: what is wrong with the default bank.
    """
    found: list[Manifest] = []
    wrong: BankError | None = None
    for info in all_banks():
        try:
            found.append(services().banks.chosen(info.id))
        except BankError as error:
            wrong = wrong or error
        except WeftError:
            continue
    if not found:
        raise wrong or BankError("no_bank")
    return found


def all_banks() -> list[BankInfo]:
    """All banks, the default one first; only that one while the list cannot be read."""
    if "all_banks" not in g:
        try:
            g.all_banks = services().banks.banks.list()
        except (WeftError, OSError):
            g.all_banks = [BankInfo(id=DEFAULT_BANK)]
    found: list[BankInfo] = g.all_banks
    return found


@dataclass(frozen=True, slots=True)
class Choice:
    """The banks that a page offers, and the one that it shows."""

    id: str
    words: str
    notes: str
    archived: bool
    banks: list[tuple[str, str]]

    @property
    def several(self) -> bool:
        return len(self.banks) > 1


def bank_choice(every: bool = False) -> Choice:
    """For templates. Without `every`: archived banks are left out, but for the one that is shown."""
    bank = _shown()
    banks = [(info.id, bank_words(info)) for info in all_banks() if every or not info.archived or info.id == bank]
    own = next((info for info in all_banks() if info.id == bank), BankInfo(id=bank))
    return Choice(bank, bank_words(own), own.notes, own.archived, banks)


def init_app(app: APIFlask) -> None:
    app.jinja_env.globals.update(bank_choice=bank_choice, bank_words_of=words_of, bank_of_job=of_job)

    @app.url_defaults
    def stay(endpoint: str, values: dict[str, Any]) -> None:
        """Links of the bank's pages lead to the same bank."""
        if has_request_context() and _is_within(endpoint) and (bank := _shown()) != DEFAULT_BANK:
            values.setdefault("bank", bank)


def about(store: BankStore) -> None:
    """The page is about this bank, whatever its address says."""
    g.bank_store = store


def _shown() -> str:
    """The id of the bank that the page at hand is about."""
    if "bank_store" not in g and not (request.args.get("bank") and _is_within(request.endpoint or "")):
        return DEFAULT_BANK
    try:
        return bank_store().bank
    except (WeftError, OSError):
        return DEFAULT_BANK


def _is_within(endpoint: str) -> bool:
    return endpoint == "pages.bank" or endpoint.startswith(_WITHIN)
