"""Users that a trusted proxy names in a header, as OIDC and SSO proxies do (oauth2-proxy, Authelia, Authentik)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from shared.access.scopes import Holder, Scope, granted
from shared.core.settings import Settings


class Proxies:
    """The proxies of WEFT_TRUSTED_PROXIES and what they say of users."""

    def __init__(self, settings: Settings) -> None:
        self._networks = [ipaddress.ip_network(n.strip()) for n in settings.trusted_proxies.split(",") if n.strip()]
        self._user, self._groups = settings.auth_header, settings.auth_groups_header
        self._rules = [_rule(text) for text in settings.auth_groups.split(",") if text.strip()]

    @property
    def name_users(self) -> bool:
        """Whether users are named in a header."""
        return bool(self._user)

    def trusted(self, peer: str | None) -> bool:
        """Whether this address is a trusted proxy's."""
        address = _address(peer)
        return address is not None and any(
            address.version == network.version and address in network for network in self._networks
        )

    def client(self, peer: str | None, forwarded_for: str) -> str:
        """The client's address: the last one in X-Forwarded-For that is no trusted proxy, or the peer itself."""
        if self.trusted(peer):
            for hop in reversed([part.strip() for part in forwarded_for.split(",")]):
                if _address(hop) is not None and not self.trusted(hop):
                    return str(_address(hop))
        found = _address(peer)
        return str(found) if found else "unknown"

    def holder(self, peer: str | None, given: Mapping[str, str]) -> Holder | None:
        """The user that a trusted proxy names, with the scopes of their groups; None from any other address.

        A name with a comma is refused: it may be the client's own header, to which the proxy added its own.
        """
        headers = {header.lower(): value for header, value in given.items()}
        name = headers.get(self._user.lower(), "").strip() if self._user and self.trusted(peer) else ""
        if not name or len(name) > 200 or "," in name or not name.isprintable():
            return None
        told = headers.get(self._groups.lower(), "") if self._groups else ""
        groups = {"*", *(group.strip() for group in told.split(","))}
        scopes: set[Scope] = set()
        for group, rights in self._rules:
            if group in groups:
                scopes |= rights
        return Holder(name, frozenset(scopes))


def _rule(text: str) -> tuple[str, frozenset[Scope]]:
    group, _, scopes = text.partition("=")
    return group.strip(), granted(scopes.split("+"))


def _address(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address((text or "").strip("[] "))
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
