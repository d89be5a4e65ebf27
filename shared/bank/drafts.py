"""The draft: changes to the bank that are collected before they are made active together. No numpy here.

Each change makes a version from the one before it. The draft is that row of versions; its last one has all changes.
"""

from __future__ import annotations

from shared.bank.store import BankStore
from shared.core.errors import NotFound

#: Changes that can be undone one by one.
_MAX_CHANGES = 100


class Drafts:
    """The one draft of a store. Publishing any of its versions ends it. Safe to use from several processes."""

    def __init__(self, store: BankStore) -> None:
        self.store = store

    def versions(self) -> list[str]:
        """Versions of the draft, oldest first; empty without one."""
        return [version for version in self.store.state.read().draft if (self.store.root / version).is_dir()]

    def head(self) -> str | None:
        """The version with all changes of the draft; None without one."""
        return next(reversed(self.versions()), None)

    def extend(self, version: str, base: str | None) -> None:
        """Adds a version that was made from `base`; what came after `base` is dropped, as is a draft without it.

        Raises Unavailable("disk_full").
        """
        with self.store.state.locked():
            state = self.store.state.read()
            kept = state.draft[: state.draft.index(base) + 1] if base in state.draft else []
            self.store.state.write(state.history, [*kept, version][-_MAX_CHANGES:])

    def undo(self) -> str | None:
        """Takes the last change back and returns the version that is the draft now; None: no change is left.

        Raises NotFound without a draft.
        """
        with self.store.state.locked():
            state = self.store.state.read()
            if not state.draft:
                raise NotFound(what="a draft of the bank")
            self.store.state.write(state.history, state.draft[:-1])
            return state.draft[-2] if len(state.draft) > 1 else None

    def discard(self) -> None:
        """Ends the draft without making it active; its versions stay in the list. Raises NotFound without one."""
        with self.store.state.locked():
            state = self.store.state.read()
            if not state.draft:
                raise NotFound(what="a draft of the bank")
            self.store.state.write(state.history, [])
