"""Keys and the audit log; and who the caller is."""

from __future__ import annotations

from dataclasses import asdict

from apiflask import APIBlueprint
from flask import g

from shared.access.audit import Event
from shared.access.keys import KeyRecord
from shared.access.scopes import Scope
from shared.core.errors import Conflict
from web.access.schemas import AuditEvent, AuditList, AuditQuery, KeyList, KeyMade, KeyOut, KeyWish, Me
from web.access.visitor import doors, owner, visitor

bp = APIBlueprint("access", __name__, tag="Access")


@bp.get("/me")
@bp.output(Me)
def me() -> Me:
    """The caller's name and scopes; without keys, no name and all scopes."""
    found = visitor()
    assert found is not None
    return Me(name=found.name, scopes=sorted(found.scopes), via=found.via)


@bp.get("/keys")
@bp.output(KeyList)
def index() -> KeyList:
    """All keys, by name; what they are is not stored."""
    return KeyList(keys=listed())


@bp.post("/keys")
@bp.input(KeyWish, location="json", arg_name="wish")
@bp.output(KeyMade, status_code=201)
def create(wish: KeyWish) -> KeyMade:
    """Create a key. This answer is the only place where it is shown. 409 `first_key` before there is one."""
    return made(wish)


@bp.delete("/keys/<path:name>")
@bp.output({}, status_code=204)
def revoke(name: str) -> tuple[str, int]:
    """Revoke a key and end its logins, effective from the next request on."""
    revoked(name)
    return "", 204


@bp.get("/audit")
@bp.input(AuditQuery, location="query", arg_name="query")
@bp.output(AuditList)
def audit(query: AuditQuery) -> AuditList:
    """Who did what, newest first; `act` may be the beginning of several, such as `job`."""
    found = events(query)
    return AuditList(
        events=[AuditEvent(**asdict(event)) for event in found],
        next=found[-1].id if len(found) == query.limit else None,
    )


def listed() -> list[KeyOut]:
    """All keys, by name."""
    return [_shown(name, row) for name, row in sorted(doors().keys.rows().items())]


def made(wish: KeyWish) -> KeyMade:
    """A new key. Raises as `Keys.add`; Conflict (`first_key`) where no key is needed yet: whoever came first by the
    network would lock all others out."""
    if not doors().closed:
        raise Conflict("first_key")
    keys = doors().keys
    key = keys.add(wish.name, wish.scopes, wish.expires, by=owner())
    g.acted_on = wish.name
    return KeyMade(**_shown(wish.name, keys.rows()[wish.name]).model_dump(), key=key)


def revoked(name: str) -> None:
    """Takes a key away. Raises NotFound."""
    doors().keys.remove(name)
    g.acted_on = name


def events(query: AuditQuery) -> list[Event]:
    """The events that the query asks for."""
    return doors().audit.events(query.who, query.act, query.what, query.before, query.limit)


def _shown(name: str, row: KeyRecord) -> KeyOut:
    return KeyOut(
        name=name,
        scopes=row.scopes or [Scope.ADMIN.value],
        created=row.created,
        expires=row.expires,
        expired=row.expired,
        by=row.by,
    )
