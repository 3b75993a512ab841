"""What an issuer says of itself (OpenID Connect Discovery 1.0), as far as it is used here. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from infra.issuers.errors import IssuerUnavailable

_LONGEST_ADDRESS = 2000


@dataclass(frozen=True, slots=True)
class Provider:
    """Where an issuer signs people in, changes codes into tokens, and lists its keys."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    basic: bool = True
    names_itself: bool = False
    """Whether it adds `iss` to its answers (RFC 9207)."""


def discovery_url(issuer: str) -> str:
    return issuer.rstrip("/") + "/.well-known/openid-configuration"


def provider_of(name: str, issuer: str, document: Mapping[str, Any]) -> Provider:
    """The document of the issuer that the settings call `name`. Raises IssuerUnavailable for one that is not its own,
    or that leads where no issuer of that address may lead."""
    if document.get("issuer") != issuer:
        raise IssuerUnavailable(name, "describes another issuer than the settings name")
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    challenges = document.get("code_challenge_methods_supported", ["S256"])
    if not isinstance(challenges, list) or "S256" not in challenges:
        raise IssuerUnavailable(name, "does not offer PKCE with S256")
    return Provider(
        issuer,
        _address(name, issuer, document, "authorization_endpoint"),
        _address(name, issuer, document, "token_endpoint"),
        _address(name, issuer, document, "jwks_uri"),
        not isinstance(methods, list) or "client_secret_basic" in methods or "client_secret_post" not in methods,
        document.get("authorization_response_iss_parameter_supported") is True,
    )


def _address(name: str, issuer: str, document: Mapping[str, Any], what: str) -> str:
    """https, or the very host of an issuer without: a document cannot send us into the network behind us by http."""
    address = document.get(what)
    if isinstance(address, str) and len(address) <= _LONGEST_ADDRESS and address.isprintable():
        try:
            parts, own = urlsplit(address), urlsplit(issuer)
            port = parts.port
        except ValueError:
            port, parts, own = None, urlsplit(""), urlsplit("")
        secure = parts.scheme == "https"
        same = (parts.scheme, parts.hostname, port) == (own.scheme, own.hostname, own.port)
        if parts.hostname and "@" not in parts.netloc and not parts.fragment and (secure or same):
            return address
    raise IssuerUnavailable(name, f"names no {what} that can be used")
