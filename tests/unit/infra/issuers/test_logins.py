"""ID tokens and logout tokens: what each must say, and what no attack gets past."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any

import pytest

from infra.issuers.claims import name_of, organisations_of, roles_of, values_of
from infra.issuers.errors import TokenRefused
from infra.issuers.logout import LOGOUT_EVENT, OLDEST_LOGOUT_S, checked_login, checked_logout
from infra.issuers.tokens import Heading
from infra.settings.issuers import OrganisationRule, RoleRule
from schemas.signing import Login
from tests.oidc_issuer import CLIENT

NOW_S = 1_800_000_000
ISSUER = "https://id.test"
JWT = Heading("RS256", "k", "jwt")
LOGIN: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "sub": "1",
    "iat": NOW_S,
    "exp": NOW_S + 300,
    "nonce": "n",
    "sid": "s",
}
LOGOUT: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "iat": NOW_S,
    "jti": "j",
    "sub": "1",
    "events": {LOGOUT_EVENT: {}},
}


def login(claims: dict[str, Any], heading: Heading = JWT) -> Login:
    return checked_login(
        heading, claims, issuer=ISSUER, client_id=CLIENT, nonce="n", access_token="opaque", now_s=NOW_S
    )


def logout(claims: dict[str, Any], heading: Heading = JWT) -> str:
    return checked_logout(heading, claims, ISSUER, CLIENT, NOW_S)


def without(claims: dict[str, Any], *names: str, **others: Any) -> dict[str, Any]:
    return {name: value for name, value in (claims | others).items() if name not in names}


def at_hash(token: str) -> str:
    return base64.urlsafe_b64encode(sha256(token.encode()).digest()[:16]).rstrip(b"=").decode()


def test_an_id_token_says_who_was_signed_in() -> None:
    assert login(LOGIN) == Login(issuer=ISSUER, subject="1", issuer_session="s", issued_at_s=NOW_S)
    assert login(without(LOGIN, "sid")).issuer_session == ""
    assert login(without(LOGIN, aud=[CLIENT, "other"], azp=CLIENT)).subject == "1"
    assert login(without(LOGIN, at_hash=at_hash("opaque"))).subject == "1"


@pytest.mark.parametrize(
    ("claims", "check"),
    [
        (without(LOGIN, "nonce"), "nonce"),
        (without(LOGIN, nonce="another sign-in's"), "nonce"),
        (without(LOGIN, nonce=["n"]), "nonce"),
        (without(LOGIN, nonce=""), "nonce"),
        (without(LOGIN, iss="https://evil.test"), "iss"),
        (without(LOGIN, aud="another"), "aud"),
        (without(LOGIN, aud=[CLIENT, "other"]), "azp"),
        (without(LOGIN, azp="another"), "azp"),
        (without(LOGIN, "sub"), "sub"),
        (without(LOGIN, "exp"), "exp"),
        (without(LOGIN, "iat"), "iat"),
        (without(LOGIN, exp=NOW_S), "exp"),
        (without(LOGIN, at_hash=at_hash("another")), "at_hash"),
        (without(LOGIN, sid=7), "sid"),
        (without(LOGIN, events={}), "typ"),
    ],
)
def test_an_id_token_that_proves_nothing_is_refused(claims: dict[str, Any], check: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        login(claims)
    assert refused.value.check == check


def test_a_logout_token_is_no_id_token() -> None:
    with pytest.raises(TokenRefused):
        login(LOGOUT | {"nonce": "n"})
    with pytest.raises(TokenRefused, match="not an ID token"):
        login(LOGIN, Heading("RS256", "k", "logout+jwt"))


def test_a_logout_token_names_a_person_or_a_session() -> None:
    assert logout(LOGOUT) == "j"
    assert logout(without(LOGOUT, "sub", sid="s"), Heading("RS256", "k", "logout+jwt")) == "j"
    assert logout(LOGOUT | {"exp": NOW_S + 1})


@pytest.mark.parametrize(
    ("claims", "check"),
    [
        (without(LOGOUT, "events"), "events"),
        (without(LOGOUT, events=[LOGOUT_EVENT]), "events"),
        (without(LOGOUT, events={"http://schemas.openid.net/event/other": {}}), "events"),
        (without(LOGOUT, nonce="n"), "nonce"),
        (without(LOGOUT, "jti"), "jti"),
        (without(LOGOUT, jti=7), "jti"),
        (without(LOGOUT, "sub"), "sub"),
        (without(LOGOUT, sub=""), "sub"),
        (without(LOGOUT, sid=["s"]), "sub"),
        (without(LOGOUT, iss="https://evil.test"), "iss"),
        (without(LOGOUT, aud="another"), "aud"),
        (without(LOGOUT, "iat"), "iat"),
        (without(LOGOUT, iat=NOW_S - OLDEST_LOGOUT_S - 1), "iat"),
        (without(LOGOUT, iat=NOW_S + 3600), "iat"),
        (without(LOGOUT, exp=NOW_S - 1), "exp"),
        (LOGIN, "events"),
    ],
)
def test_a_logout_token_that_proves_nothing_is_refused(claims: dict[str, Any], check: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        logout(claims)
    assert refused.value.check == check


def test_an_access_token_signs_nobody_out() -> None:
    with pytest.raises(TokenRefused, match="not a logout token"):
        logout(LOGOUT, Heading("RS256", "k", "at+jwt"))


def test_claims_give_what_rules_say_and_nothing_else() -> None:
    rules = (
        RoleRule(claim="groups", value="staff", role="reviewer"),
        RoleRule(claim="realm_access.roles", value="root", role="admin"),
        RoleRule(claim="is_auditor", value="true", role="auditor"),
    )
    assert roles_of({}, rules) == {"member"}
    assert roles_of({"groups": ["staff", "x"], "realm_access": {"roles": ["root"]}}, rules) == {
        "member",
        "reviewer",
        "admin",
    }
    assert roles_of({"groups": "staff", "is_auditor": True}, rules) == {"member", "reviewer", "auditor"}
    for odd in ({"groups": {"staff": 1}}, {"groups": 7}, {"groups": ["STAFF"]}, {"realm_access": ["root"]}):
        assert roles_of(odd, rules) == {"member"}
    assert values_of({"https://x.test/groups": ["a"]}, "https://x.test/groups") == {"a"}, "a name with points in it"
    organisations = (
        OrganisationRule(claim="groups", value="boss", organisation="acme", role="admin"),
        OrganisationRule(claim="groups", value="staff", organisation="acme"),
    )
    assert organisations_of({"groups": ["staff", "boss"]}, organisations) == {"acme": "admin"}
    assert organisations_of({"groups": ["staff"]}, organisations) == {"acme": "member"}
    assert organisations_of({}, organisations) == {}


def test_a_name_is_only_what_can_be_shown() -> None:
    assert name_of({"nick": " Jane\n Doe "}, "nick") == "Jane Doe"
    assert name_of({"nick": "\n", "name": "J"}, "nick") == "J"
    assert name_of({"nick": 7}, "nick") == "user"
    assert len(name_of({"nick": "x" * 999}, "nick")) == 64
