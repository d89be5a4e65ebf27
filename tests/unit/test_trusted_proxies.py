"""Users that a proxy names: believed from its address alone."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from pydantic import ValidationError

from shared.access.keys import Keys
from shared.access.proxies import Proxies
from shared.core.settings import Settings
from web.app import create_app

PROXY = "10.0.0.5"


@pytest.fixture
def behind(settings: Settings) -> Settings:
    rules = "*=read,weavers=submit+review,leads=admin"
    changed = {"auth_header": "X-Forwarded-User", "auth_groups": rules, "trusted_proxies": f"{PROXY}, 192.168.7.0/24"}
    return settings.model_copy(update=changed)


@pytest.fixture
def client(behind: Settings) -> FlaskClient:
    return create_app(behind).test_client()


def me(client: FlaskClient, peer: str, **headers: str) -> tuple[int, str | None, list[str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client.get("/api/v1/me", headers=named, environ_overrides={"REMOTE_ADDR": peer})
    found = answer.get_json()
    return answer.status_code, found.get("name"), found.get("scopes", [])


@pytest.mark.parametrize("peer", [PROXY, "192.168.7.200", f"::ffff:{PROXY}"])
def test_the_proxys_users_come_in_with_the_scopes_of_their_groups(client: FlaskClient, peer: str) -> None:
    assert me(client, peer, X_Forwarded_User="mei") == (200, "mei", ["read"])
    found = me(client, peer, X_Forwarded_User="mei", X_Forwarded_Groups="other, weavers")
    assert found == (200, "mei", ["read", "review", "submit"])
    assert "admin" in me(client, peer, X_Forwarded_User="li", X_Forwarded_Groups="leads")[2]


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.6", "203.0.113.9", "::1"])
def test_the_header_from_elsewhere_is_ignored(client: FlaskClient, peer: str) -> None:
    forged = {"X_Forwarded_User": "li", "X_Forwarded_Groups": "leads", "X_Forwarded_For": PROXY}
    assert me(client, peer, **forged)[0] == 401


@pytest.mark.parametrize("name", ["", "  ", "evil,li", "x" * 201])
def test_what_is_no_single_name_is_refused(client: FlaskClient, name: str) -> None:
    assert me(client, PROXY, X_Forwarded_User=name)[0] == 401


def test_without_the_setting_no_header_counts(settings: Settings) -> None:
    Keys.of(settings).add("looms")
    only_addresses = settings.model_copy(update={"trusted_proxies": PROXY})
    client = create_app(only_addresses).test_client()
    assert me(client, PROXY, X_Forwarded_User="li")[0] == 401


def test_keys_work_beside_it(client: FlaskClient, behind: Settings) -> None:
    key = Keys.of(behind).add("looms", ["submit"])
    assert me(client, "127.0.0.1", Authorization=f"Bearer {key}")[1] == "looms"
    assert me(client, PROXY, Authorization=f"Bearer {key}", X_Forwarded_User="mei")[1] == "looms"
    assert me(client, PROXY, Authorization="Bearer the-proxys-own", X_Forwarded_User="mei")[1] == "mei"


def test_the_clients_address_is_the_last_that_no_proxy_has(behind: Settings) -> None:
    proxies = Proxies(behind)
    assert proxies.client(PROXY, "1.2.3.4, 203.0.113.9, 192.168.7.1") == "203.0.113.9"
    # What a client claims of itself is not believed.
    assert proxies.client("203.0.113.9", "1.2.3.4") == "203.0.113.9"
    assert proxies.client(PROXY, "nonsense") == PROXY
    assert proxies.client(None, "") == "unknown"


def test_settings_are_checked(settings: Settings) -> None:
    with pytest.raises(ValidationError):
        Settings(trusted_proxies="10.0.0.0/33")
    with pytest.raises(ValidationError):
        Settings.model_validate({"api_key": "short"})
    assert Settings.model_validate({"api_key": ""}).api_key is None
