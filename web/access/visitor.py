"""Who sends the request at hand, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, g, request

from shared.access.audit import Audit
from shared.access.keys import Keys
from shared.access.proxies import Proxies
from shared.access.scopes import ANONYMOUS, EVERYTHING, Holder, Scope
from shared.core.errors import WeftError
from shared.core.settings import Settings
from shared.jobs.model import Job
from web.access import sessions, throttle


class NotAllowed(WeftError):
    """The key or the user lacks a scope, or the job is somebody else's."""

    code = "not_allowed"
    status = 403


@dataclass(frozen=True, slots=True)
class Visitor:
    """`name` None: no key is needed, and everybody may do everything."""

    name: str | None
    scopes: frozenset[Scope]
    #: `open`, `key`, `session` or `proxy`.
    via: str
    #: What forms and scripts of a session send as `csrf` or X-CSRF-Token; empty where there is no session.
    csrf: str = ""

    def may(self, scope: str) -> bool:
        return scope in self.scopes

    def may_steer(self, job: Job) -> bool:
        """Whether the job is theirs, or they are allowed all."""
        return self.may(Scope.ADMIN) or (self.may(Scope.SUBMIT) and self.name is not None and job.owner == self.name)


class Doors:
    """What decides who a visitor is; one per process."""

    def __init__(self, settings: Settings) -> None:
        self.keys = Keys.of(settings)
        self.proxies = Proxies(settings)
        self.audit = Audit(settings)

    @property
    def closed(self) -> bool:
        """Whether a request needs a key or a user."""
        return self.proxies.name_users or self.keys.required()


def doors() -> Doors:
    found: Doors = current_app.extensions["weft.doors"]
    return found


def visitor() -> Visitor | None:
    """Who sends the request at hand; None for a stranger, and where everybody is let in."""
    found: Visitor | None = g.get("visitor")
    return found


def owner() -> str | None:
    """Whom what is made now belongs to; None where no key is needed."""
    found = visitor()
    return found.name if found else None


def address() -> str:
    """The client's address."""
    return doors().proxies.client(request.remote_addr, request.headers.get("X-Forwarded-For", ""))


def over_https() -> bool:
    """Whether the visitor's browser speaks HTTPS, to this server or to a trusted proxy."""
    told = request.headers.get("X-Forwarded-Proto", "") if doors().proxies.trusted(request.remote_addr) else ""
    return request.is_secure or told.strip().lower() == "https"


def record(act: str, what: str = "", who: str | None = None) -> None:
    """Adds an event of the request at hand to the audit log."""
    found = visitor()
    name = who or (found.name if found else None) or ANONYMOUS
    doors().audit.record(name, act, what, found.via if found else "", address())


def identify() -> Visitor | None:
    """The visitor of the request at hand; None for a stranger. Raises Unavailable, TooManyKeys."""
    at = doors()
    if not at.closed:
        return Visitor(None, EVERYTHING, "open")
    user = at.proxies.holder(request.remote_addr, dict(request.headers))
    given = request.authorization
    if given is not None:
        secret = (given.token if given.type == "bearer" else given.password) or ""
        # A proxy's own password may stand here.
        holder = at.keys.find(secret) if user else check_key(secret)
        if holder:
            return Visitor(holder.name, holder.scopes, "key")
    if user:
        return Visitor(user.name, user.scopes, "proxy")
    return None if given is not None else _of_session()


def check_key(secret: str) -> Holder | None:
    """Whose key this is; a wrong one is counted. Raises Unavailable, TooManyKeys.

    A key that Weft made is 256 random bits: it is let in however many wrong ones came from its address, where one stale
    script would otherwise lock out a whole office. WEFT_API_KEY, which a person has chosen, is not looked at meanwhile.
    """
    at = doors()
    # Also for a request without a key: that the file is damaged is said at once.
    found = at.keys.find(secret, chosen=False)
    if found or not secret:
        return found
    where = address()
    if seconds := throttle.wait(where):
        raise throttle.TooManyKeys(seconds)
    found = at.keys.find(secret)
    if found is None:
        times = throttle.count(where)
        record("key_throttled" if times >= throttle.LIMIT else "key_refused", request.path, ANONYMOUS)
    return found


def _of_session() -> Visitor | None:
    at = doors()
    at.keys.rows()
    token = sessions.given()
    session = sessions.find(token) if token else None
    if token is None or session is None:
        return None
    holder = at.keys.still(*session)
    return Visitor(holder.name, holder.scopes, "session", sessions.csrf_token(token)) if holder else None


def require_steering(job: Job) -> None:
    """Raises NotAllowed where the job is somebody else's."""
    found = visitor()
    if found is None or not found.may_steer(job):
        raise NotAllowed("not_owner", owner=job.owner or "–")
