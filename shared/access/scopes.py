"""What a key or a user may do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.core.errors import InvalidRequest


class Scope(StrEnum):
    """Each includes `READ`; `ADMIN` includes all."""

    #: See jobs, results, bank and workers, and export.
    READ = "read"
    #: Submit photos, and steer and delete one's own jobs.
    SUBMIT = "submit"
    #: Correct results.
    REVIEW = "review"
    #: Everything else: the bank, other people's jobs, keys, the audit log.
    ADMIN = "admin"


EVERYTHING = frozenset(Scope)
#: The owner's name where no key is needed, in the audit log.
ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a key or a session belongs to, and what they may do."""

    name: str
    scopes: frozenset[Scope]
    #: Of the key, so that a session ends with it.
    sha256: str = ""


def granted(names: Iterable[str]) -> frozenset[Scope]:
    """The scopes that these include. Raises InvalidRequest (`unknown_scope`) for another name."""
    found = set()
    for name in names:
        try:
            found.add(Scope(name.strip()))
        except ValueError:
            raise InvalidRequest("unknown_scope", scope=name, choices=", ".join(Scope)) from None
    if Scope.ADMIN in found:
        return EVERYTHING
    return frozenset({Scope.READ, *found}) if found else frozenset()
