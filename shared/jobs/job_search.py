"""Which jobs of the list are meant."""

from __future__ import annotations

from dataclasses import dataclass

from shared.bank.manifest import DEFAULT_BANK


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Every field that is set narrows the choice."""

    owner: str | None = None
    #: Words that are part of the job's name, folder or owner; upper and lower case are the same.
    text: str = ""
    #: Only archived jobs, or only the others.
    archived: bool | None = None
    #: The id of the bank that they use.
    bank: str | None = None

    @property
    def looks(self) -> bool:
        """Whether a job has to be looked at to know whether it is meant."""
        return self.owner is not None or self.bank is not None or bool(self.text.strip())

    def matches(self, name: str | None, path: str | None, owner: str | None, bank: str | None) -> bool:
        """Whether a job with these values is meant, archived or not. Jobs of earlier versions name no bank."""
        if self.bank is not None and (bank or DEFAULT_BANK) != self.bank:
            return False
        if self.owner is not None and owner != self.owner:
            return False
        found = "\n".join((name or "", path or "", owner or "")).casefold()
        return all(word in found for word in self.text.casefold().split())


EVERY = JobFilter()
