"""Names of what is stored."""

from __future__ import annotations

#: Behind the SHA-256 in the name of a large thumbnail.
LARGE = "-large"
#: Marks a shared folder whose files have all arrived.
COMPLETE = ".complete"
