"""One root for every error that people may meet. A code is stable; its sentence (en, zh) lives in `messages`."""

from __future__ import annotations

from typing import Any


class WeftError(Exception):
    """Anything Weft refuses or cannot do, with a stable `code`, an HTTP `status` and the values of its sentence."""

    code = "internal"
    status = 500

    def __init__(self, code: str | None = None, *, status: int | None = None, **detail: Any) -> None:
        self.code = code or type(self).code
        self.status = status or type(self).status
        self.detail = detail
        super().__init__(self.code, detail)

    def __str__(self) -> str:
        from shared.core.messages import sentence

        return sentence(self.code, **self.detail)


class PhotoError(WeftError):
    """One photo cannot be classified: its item fails, everything else continues."""

    code = "unreadable"
    status = 422


class InvalidRequest(WeftError):
    """The request is wrong as it stands."""

    code = "invalid_request"
    status = 400


class KeyNeeded(WeftError):
    """There are API keys, and this request has none of them."""

    code = "key_needed"
    status = 401


class NotFound(WeftError):
    """No such job, item, class, sample or version."""

    code = "not_found"
    status = 404


class Conflict(WeftError):
    """The request does not fit the present state."""

    code = "conflict"
    status = 409


class Unavailable(WeftError):
    """Not now: try again after `retry_after` seconds."""

    code = "unavailable"
    status = 503

    def __init__(self, code: str | None = None, *, retry_after: int = 5, **detail: Any) -> None:
        super().__init__(code, **detail)
        self.retry_after = retry_after


class ModelError(WeftError):
    """A model cannot be resolved, downloaded, converted or loaded."""

    code = "model_unavailable"
    status = 409


class BankError(WeftError):
    """A bank is missing, damaged, empty, or was built by another model."""

    code = "bank_damaged"
    status = 409
