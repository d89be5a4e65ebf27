"""Signing in with a key: sessions, their token, their end; and wrong keys, which are slowed and counted."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from shared.access.audit import Audit
from shared.access.keys import Keys
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.ledger import keys as names
from tests.ledger_harness import LedgerHarness
from web.access import sessions, throttle
from web.app import create_app

PAGE = {"Accept": "text/html"}
ENV = "a-secret-that-somebody-chose"


@pytest.fixture
def site(harness: LedgerHarness, ledger_settings: Settings, tmp_path: Path) -> Settings:
    url = SecretStr(addresses(ledger_settings).ledger)
    return Settings(data_dir=tmp_path / "data", redis_url=url, engine="null")


@pytest.fixture
def key(site: Settings) -> str:
    return Keys.of(site).add("mei", ["submit"])


@pytest.fixture
def client(site: Settings, key: str) -> FlaskClient:
    return create_app(site).test_client()


def sign_in(client: FlaskClient, key: str, back: str = "/jobs", **headers: str) -> TestResponse:
    return client.post("/login", data={"key": key, "next": back}, headers=PAGE | headers)


def token(client: FlaskClient) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', client.get("/jobs", headers=PAGE).text)
    assert found
    return found[1]


def test_one_signs_in_and_out(client: FlaskClient, key: str) -> None:
    assert 'name="key"' in client.get("/jobs?mine=1", headers=PAGE).text
    answer = sign_in(client, key, "/jobs?mine=1")
    assert (answer.status_code, answer.location) == (303, "/jobs?mine=1")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    page = client.get("/jobs", headers=PAGE)
    assert page.status_code == 200
    assert "mei" in page.text
    assert client.post("/logout", headers=PAGE).status_code == 403
    assert client.post("/logout", data={"csrf": token(client)}, headers=PAGE).status_code == 303
    assert client.get("/jobs", headers=PAGE).status_code == 401


def test_a_token_that_was_signed_out_opens_nothing(client: FlaskClient, key: str) -> None:
    sign_in(client, key)
    kept = client.get_cookie(sessions.COOKIE)
    assert kept
    client.post("/logout", data={"csrf": token(client)})
    client.set_cookie(sessions.COOKIE, kept.value)
    assert client.get("/jobs").status_code == 401


def test_signing_in_again_makes_a_new_session_and_ends_the_old_one(client: FlaskClient, key: str) -> None:
    # As where somebody else has put a cookie into this browser.
    client.set_cookie(sessions.COOKIE, "planted")
    sign_in(client, key)
    first = client.get_cookie(sessions.COOKIE)
    sign_in(client, key)
    second = client.get_cookie(sessions.COOKIE)
    assert first
    assert second
    assert len({"planted", first.value, second.value}) == 3
    client.set_cookie(sessions.COOKIE, first.value)
    assert client.get("/jobs").status_code == 401


@pytest.mark.parametrize(
    "far", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "a\nb", ""]
)
def test_it_leads_nowhere_else(client: FlaskClient, key: str, far: str) -> None:
    assert sign_in(client, key, far).location == "/"


def test_over_https_the_cookie_is_secure(site: Settings, key: str) -> None:
    behind = create_app(site.model_copy(update={"trusted_proxies": "127.0.0.1"})).test_client()
    assert "Secure" in sign_in(behind, key, **{"X-Forwarded-Proto": "https"}).headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("POST", "/upload"),
        ("POST", "/folder"),
        ("POST", "/jobs/x/cancel"),
        ("DELETE", "/jobs/x"),
        ("POST", "/api/v1/jobs"),
        ("POST", "/api/v1/jobs/folder"),
        ("DELETE", "/api/v1/jobs/x"),
    ],
)
def test_a_session_needs_its_token(client: FlaskClient, key: str, method: str, address: str) -> None:
    header = {"Authorization": f"Bearer {key}"}
    # A program with its key needs none.
    assert client.open(address, method=method, headers=header | {"Accept": "application/json"}).status_code != 403
    sign_in(client, key)
    for given in ({}, {"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": "é"}):
        answer = client.open(address, method=method, headers={"Accept": "application/json", **given})
        assert (answer.status_code, answer.get_json()["code"]) == (403, "csrf_missing")
    right = {"X-CSRF-Token": token(client), "Accept": "application/json"}
    assert client.open(address, method=method, headers=right).status_code not in (401, 403)


def test_every_form_of_a_page_carries_the_token(site: Settings) -> None:
    client = create_app(site).test_client()
    sign_in(client, Keys.of(site).add("boss"))
    for address in ("/", "/jobs", "/keys", "/audit", "/workers", "/bank/versions"):
        page = client.get(address, headers=PAGE).text
        for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", page, re.DOTALL):
            assert 'name="csrf"' in form, (address, form)


def test_a_revoked_key_ends_its_sessions(client: FlaskClient, site: Settings, key: str) -> None:
    sign_in(client, key)
    assert client.get("/jobs").status_code == 200
    Keys.of(site).remove("mei")
    assert client.get("/jobs").status_code == 401
    # Somebody else's key of the same name.
    Keys.of(site).add("mei")
    assert client.get("/jobs").status_code == 401


def test_an_expired_key_opens_nothing(client: FlaskClient, site: Settings) -> None:
    brief = Keys.of(site).add("brief", ["read"], expires=time.time() + 1.0)
    sign_in(client, brief)
    assert client.get("/jobs").status_code == 200
    time.sleep(1.1)
    assert client.get("/jobs").status_code == 401
    assert client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {brief}"}).status_code == 401


def test_a_session_ends_without_requests(client: FlaskClient, site: Settings, harness: LedgerHarness, key: str) -> None:
    sign_in(client, key)
    [session] = harness.redis.scan_iter("weft:session:*")
    assert 0 < harness.redis.ttl(session) <= site.session_hours * 3600
    harness.redis.expire(session, 100)
    assert client.get("/jobs").status_code == 200
    assert harness.redis.ttl(session) > 100
    # The cookie's token is not in Redis.
    held = client.get_cookie(sessions.COOKIE)
    assert held
    assert held.value.encode() not in session + harness.redis.get(session)
    harness.redis.delete(session)
    assert client.get("/jobs").status_code == 401


def test_all_web_processes_know_the_session(client: FlaskClient, site: Settings, key: str) -> None:
    sign_in(client, key)
    held = client.get_cookie(sessions.COOKIE)
    assert held
    other = create_app(site).test_client()
    other.set_cookie(sessions.COOKIE, held.value)
    assert other.get("/jobs").status_code == 200


def test_a_polling_page_whose_session_has_ended_is_sent_to_the_login(client: FlaskClient) -> None:
    asked = {"HX-Request": "true", "HX-Current-URL": "http://localhost/jobs/abc"}
    answer = client.get("/jobs/abc/progress", headers=asked)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login?next=/jobs/abc")


def test_wrong_keys_are_slowed_for_all_web_processes(site: Settings, key: str, harness: LedgerHarness) -> None:
    settings = site.model_copy(update={"api_key": SecretStr(ENV)})
    first, second = (create_app(settings).test_client() for _ in range(2))

    def ask(client: FlaskClient, secret: str, peer: str = "10.0.0.9") -> TestResponse:
        header = {"Authorization": f"Bearer {secret}"}
        return client.get("/api/v1/me", headers=header, environ_overrides={"REMOTE_ADDR": peer})

    assert ask(first, ENV).get_json()["name"] == "env"
    codes = [ask((first, second)[n % 2], f"guess-{n}").status_code for n in range(throttle.LIMIT + 2)]
    assert codes == [401] * throttle.LIMIT + [429] * 2
    slowed = ask(second, "another")
    assert 0 < int(slowed.headers["Retry-After"]) <= throttle.WINDOW_SECONDS
    assert slowed.get_json()["code"] == "too_many_wrong_keys"
    # A key that a person chose is not looked at meanwhile; a random one is; and other addresses go on.
    assert ask(first, ENV).status_code == 429
    assert ask(first, key).status_code == 200
    assert ask(first, ENV, "10.0.0.10").status_code == 200
    page = second.post("/login", data={"key": "guess"}, headers=PAGE, environ_overrides={"REMOTE_ADDR": "10.0.0.9"})
    assert (page.status_code, "Retry-After" in page.headers) == (429, True)
    assert int(harness.redis.hget(names.STATS, "keys_refused")) == throttle.LIMIT
    metrics = first.get("/metrics", headers={"Authorization": f"Bearer {key}"}).text
    assert f"weft_keys_refused_total {throttle.LIMIT}.0" in metrics
    acts = [event.act for event in Audit(site).events()]
    assert acts == ["key_throttled"] + ["key_refused"] * (throttle.LIMIT - 1)
    harness.redis.delete(names.wrong_keys("10.0.0.9"))
    assert ask(first, ENV).status_code == 200


def test_without_redis_a_session_is_not_believed_and_comes_back_with_it(
    site: Settings, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = create_app(site).test_client()
    sign_in(client, key)
    held = client.get_cookie(sessions.COOKIE)
    assert held
    away = create_app(site.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})).test_client()
    away.set_cookie(sessions.COOKIE, held.value)
    page = away.get("/jobs", headers=PAGE)
    assert page.status_code == 503
    assert "<nav></nav>" in page.text
    assert client.get("/jobs", headers=PAGE).status_code == 200


def test_logins_are_recorded(client: FlaskClient, site: Settings, key: str) -> None:
    assert sign_in(client, "wrong").status_code == 401
    sign_in(client, key)
    client.post("/logout", data={"csrf": token(client)})
    events = Audit(site).events()
    assert [(event.who, event.act) for event in events] == [
        ("mei", "logout"),
        ("mei", "login"),
        ("anonymous", "key_refused"),
    ]


def test_the_login_page_speaks_both_languages_and_works_without_scripts(client: FlaskClient) -> None:
    english = client.get("/login", headers=PAGE | {"Accept-Language": "en"}).text
    assert "Sign in" in english
    assert "登录" in client.get("/login", headers=PAGE | {"Accept-Language": "zh"}).text
    assert '<form method="post" action="/login"' in english
    assert "<nav></nav>" in english
