"""Settings of the issuers whose word on who somebody is counts: OpenID Connect for browsers, JWTs for programs."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

from infra.roles import Role
from infra.settings.section import Section

MAX_ISSUERS = 20
MAX_RULES = 100
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""What may sign a token: never `none`, and never a secret that both sides have."""
ALGORITHMS: tuple[str, ...] = get_args(Algorithm)
Claim = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
_Value = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Scope = Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,100}$")]


class RoleRule(Section):
    """Who has this value in this claim has this role. A claim within a claim is named `outer.inner`."""

    claim: Claim
    value: _Value
    role: Role


class OrganisationRule(Section):
    """Who has this value in this claim is in this organisation, in this role."""

    claim: Claim
    value: _Value
    organisation: _Value
    role: Role = "member"


class IssuerSettings(Section):
    """One issuer. `name` stands in addresses, `label` on the button, `issuer` is what its tokens call it.

    With a `client_id`, browsers sign in by it. `audiences`: bearer tokens for these are taken by the API; none: no
    bearer token of the issuer is.

    `create_users`: whether somebody who was never here becomes a user by signing in; else an invitation is needed.

    `roles` and `organisations`: which values of which claims give which. Where there is a rule, what no rule gives is
    taken away at the next sign-in; without any rule nothing is changed.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    label: str = Field(default="", max_length=60)
    issuer: str = Field(max_length=500)
    client_id: str = Field(default="", max_length=500)
    client_secret: SecretStr = SecretStr("")
    scopes: tuple[_Scope, ...] = Field(default=("openid", "profile"), max_length=20)
    algorithms: tuple[Algorithm, ...] = Field(default=("RS256",), min_length=1)
    audiences: tuple[_Value, ...] = Field(default=(), max_length=20)
    create_users: bool = False
    name_claim: Claim = "preferred_username"
    roles: tuple[RoleRule, ...] = Field(default=(), max_length=MAX_RULES)
    organisations: tuple[OrganisationRule, ...] = Field(default=(), max_length=MAX_RULES)

    @field_validator("issuer")
    @classmethod
    def _is_an_address(cls, issuer: str) -> str:
        parts = urlsplit(issuer)
        if parts.query or parts.fragment or "@" in parts.netloc or not parts.hostname:
            raise ValueError("an address without query, fragment and user is expected, as https://id.example.org")
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
            raise ValueError("https is expected (http only for this machine itself)")
        return issuer

    @field_validator("scopes")
    @classmethod
    def _asks_for_an_id_token(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError("openid is expected among them")
        return scopes

    @model_validator(mode="after")
    def _is_of_use(self) -> IssuerSettings:
        if not self.client_id and not self.audiences:
            raise ValueError("client_id (for browsers), audiences (for bearer tokens) or both are expected")
        return self

    @property
    def shown(self) -> str:
        """What people call it."""
        return self.label or self.name


def checked_issuers(issuers: tuple[IssuerSettings, ...]) -> tuple[IssuerSettings, ...]:
    """`issuers`, if no two have one name or one address. Raises ValueError."""
    for what, values in (
        ("name", [one.name for one in issuers]),
        ("issuer", [one.issuer for one in issuers]),
    ):
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise ValueError(f"two issuers have the {what} {twice}: each needs one of its own")
    return issuers


def is_loopback(host: str) -> bool:
    """Whether this is a name of the machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
