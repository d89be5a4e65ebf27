"""What is noted of a request on its way through the server's front, Flask and back, for its line in the log."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: The header that carries a request's id, and where its `Noted` is in WSGI's environ.
HEADER, ENVIRON = "X-Request-Id", "weft.noted"
#: Ids that are taken over from the client or a proxy.
_TAKEN = re.compile(r"[A-Za-z0-9._-]{8,64}")


@dataclass
class Noted:
    """A request on its way."""

    method: str
    id: str
    began: float = field(default_factory=time.monotonic)
    #: The address's pattern, as `/api/v1/jobs/<job_id>`; a dash where no view has it.
    route: str = "-"
    #: Name of the key or the user, and how they were known: `key`, `session`, `proxy`, `open`.
    name: str | None = None
    via: str = ""
    job: str = ""
    #: Of a refusal.
    code: str = ""
    #: Asked for without anybody waiting.
    quiet: bool = False
    #: Of the body of the answer, as sent.
    bytes: int = 0
    status: int = 0

    @classmethod
    def of(cls, method: str, given: str) -> Noted:
        """`given`: the X-Request-Id that came with it."""
        return cls(method[:16], given if _TAKEN.fullmatch(given) else secrets.token_hex(8))


def noted_of(environ: Mapping[str, Any]) -> Noted | None:
    """That of a request; None where it came without the front, as in tests."""
    found: Noted | None = environ.get(ENVIRON)
    return found


def note_code(environ: Mapping[str, Any], code: str) -> None:
    """The request is refused with this code."""
    if noted := noted_of(environ):
        noted.code = code
