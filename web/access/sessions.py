"""Logins: a random token in the browser's cookie; in Redis, which all web processes share, its SHA-256 and its key's.

A session ends by logout, after WEFT_SESSION_HOURS without a request, after a week, or with its key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time

from flask import Response, request

from shared.access.scopes import Holder
from shared.jobs.ledger import keys
from shared.jobs.ledger.redis_errors import redis_errors
from web.context import services

COOKIE = "weft_session"
_LONGEST_SECONDS = 7 * 86400
#: Share of WEFT_SESSION_HOURS that is left when a session is renewed.
_RENEWED_BELOW = 0.95


def begin(holder: Holder) -> str:
    """A new session; returns its token. Raises Unavailable."""
    token = secrets.token_urlsafe(32)
    session = {"name": holder.name, "sha256": holder.sha256, "at": time.time()}
    with redis_errors():
        services().ledger.connection.redis.set(_key(token), json.dumps(session), ex=_idle_seconds())
    return token


def find(token: str) -> tuple[str, str] | None:
    """Name and SHA-256 of the key of a session; it continues from now. Raises Unavailable."""
    with redis_errors():
        redis = services().ledger.connection.redis
        raw, left = redis.pipeline(transaction=False).get(_key(token)).ttl(_key(token)).execute()
        # Not with every request: the ledger's Redis puts each change on the disk before it answers.
        if raw is not None and left < _RENEWED_BELOW * _idle_seconds():
            redis.expire(_key(token), _idle_seconds())
    if raw is None:
        return None
    session = json.loads(raw)
    if time.time() - session["at"] > _LONGEST_SECONDS:
        end(token)
        return None
    return session["name"], session["sha256"]


def end(token: str) -> None:
    """Nobody gets in with it any more. Raises Unavailable."""
    with redis_errors():
        services().ledger.connection.redis.delete(_key(token))


def csrf_token(token: str) -> str:
    """What a session's forms and scripts send beside the cookie, and no other site knows."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def give_cookie(response: Response, token: str, https: bool) -> None:
    """Only for the part of the host that Weft has, where a proxy gives it one."""
    path = request.script_root or "/"
    seconds = _LONGEST_SECONDS
    response.set_cookie(COOKIE, token, max_age=seconds, path=path, httponly=True, samesite="Lax", secure=https)


def take_cookie(response: Response) -> None:
    response.delete_cookie(COOKIE, path=request.script_root or "/", httponly=True, samesite="Lax")


def given() -> str | None:
    """The token of the request at hand."""
    return request.cookies.get(COOKIE) or None


def _idle_seconds() -> int:
    return max(1, int(services().settings.session_hours * 3600))


def _key(token: str) -> str:
    return keys.session(hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest())
