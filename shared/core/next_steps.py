"""What to do about a refused request: one sentence beside that of its code, in the user's language."""

from __future__ import annotations

from shared.core.i18n import N_, gettext

#: HTTP status → what helps with most codes of it.
_BY_STATUS = {
    400: N_("Correct the request and send it again."),
    401: N_("Send a key with the request."),
    403: N_("Use what is allowed here, or ask the person who runs this server."),
    404: N_("Check the address, or start from the list of jobs or from the bank."),
    405: N_("Use a method that the API reference lists for this address."),
    408: N_("Send it again, over a faster connection or in smaller parts."),
    409: N_("Look at the current state, then decide again."),
    413: N_("Send less at once."),
    414: N_("Shorten the address: fewer or shorter values after the question mark."),
    415: N_("Send the type of body that the API reference names."),
    421: N_("Use one of this server's own names."),
    422: N_("Correct the request and send it again."),
    429: N_("Wait a while, then try again."),
    431: N_("Send fewer or shorter headers; in a browser, deleting this site's cookies helps."),
    500: N_("Try again; if it happens again, look into the web server's log."),
    503: N_("Wait a few seconds, then try again."),
}
#: code → what helps where that of its status would not.
_BY_CODE = {
    "no_files": N_("Choose photos or archives, then send again."),
    "unknown_class": N_("Choose one of the similar classes, or create a new one."),
    "zip_encrypted": N_("Create the archive again without a password."),
    "idempotency_mismatch": N_("Use a new Idempotency-Key for each new request."),
    "no_bank": N_("Build a bank, then try again."),
    "disk_full": N_("Delete jobs that are not needed any more, or ask the person who runs this server for disk space."),
    "memory_full": N_("Archive or delete jobs that are finished, or try again when running jobs have ended."),
    "redis_unavailable": N_("Try again in a minute; if it stays so, tell the person who runs this server."),
    "storage_unavailable": N_("Try again in a minute; if it stays so, tell the person who runs this server."),
    "no_worker": N_("Start a worker, then try again."),
    "keys_damaged": N_("Tell the person who runs this server: a file on it has to be repaired."),
    "collections_damaged": N_("Tell the person who runs this server: a file on it has to be repaired."),
}


def next_step(code: str, status: int, lang: str | None = None) -> str:
    """What the caller can do now, in `lang` (None: see `i18n.language`)."""
    step = _BY_CODE.get(code) or _BY_STATUS.get(status) or _BY_STATUS[500 if status >= 500 else 400]
    return gettext(step, lang)
