"""What a policy says, and what it would take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from shared.core.settings import Settings

DAY = 86400.0
#: Begins the names of folders that are being removed.
GONE = ".gone-"


@dataclass(frozen=True, slots=True)
class Policies:
    """Days, or for banks a number of versions; 0: keep for ever."""

    uploads: float = 0.0
    results: float = 0.0
    models: float = 0.0
    bank_versions: int = 0

    @classmethod
    def of(cls, settings: Settings) -> Policies:
        """Those of the settings. From an object store, which others may use too, nothing goes unasked."""
        asked = not settings.storage_url or "uploads_days" in settings.model_fields_set
        uploads = settings.uploads_days if asked else 0.0
        return cls(uploads, settings.results_days, settings.models_days, settings.bank_versions)

    def wants(self, kind: str) -> bool:
        """Whether something of the kind may go."""
        if kind == "index_tables":
            return True
        return bool(getattr(self, "uploads" if kind in ("blobs", "thumbs") else kind))

    def only(self, kind: str) -> Policies:
        """The policy of one kind, and no other."""
        if kind == "index_tables":
            return Policies()
        name = "uploads" if kind in ("blobs", "thumbs") else kind
        return replace(Policies(), **{name: getattr(self, name)})


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that a policy takes."""

    name: str
    bytes: int
    #: Removes it, unless it was asked for meanwhile; whether it is gone.
    take: Callable[[], bool] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    due: list[Due]

    @property
    def bytes(self) -> int:
        return sum(due.bytes for due in self.due)


def bytes_below(folder: Path) -> int:
    """Of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
