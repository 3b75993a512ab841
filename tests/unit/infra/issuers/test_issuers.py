"""Tokens of issuers: every known attack is refused by the check that it is about; issuers are asked rarely."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import OctKey

from infra.issuers.discovery import provider_of
from infra.issuers.errors import CodeRefused, IssuerUnavailable, TokenRefused
from infra.issuers.issuer import KEPT_S, MIN_BETWEEN_S, PAUSE_S, Issuer
from infra.issuers.keys import MAX_KEYS, chosen, keys_of
from infra.issuers.tokens import LEEWAY_S, MAX_TOKEN_BYTES, check_claims, issuer_named
from infra.settings.issuers import IssuerSettings
from tests.oidc_issuer import AUDIENCE, CLIENT, SECRET, IssuerWeb, TestIssuer, elliptic, public_pem, stranger, unsigned

NOW_S = 1_800_000_000
ALGORITHMS = ("RS256", "ES256")


class Clock:
    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def theirs() -> TestIssuer:
    return TestIssuer(now_s=NOW_S)


@pytest.fixture
def issuer(theirs: TestIssuer, clock: Clock) -> Issuer:
    return Issuer(settings_of(theirs), IssuerWeb(theirs), clock)


def settings_of(theirs: TestIssuer, **others: Any) -> IssuerSettings:
    given = {"name": "test", "issuer": theirs.address, "client_id": CLIENT, "client_secret": SECRET}
    return IssuerSettings.model_validate(given | {"algorithms": ALGORITHMS, "audiences": (AUDIENCE,)} | others)


async def checked(issuer: Issuer, token: str) -> dict[str, Any]:
    """As the gate does it."""
    if issuer_named(token) != issuer.settings.issuer:
        raise TokenRefused("iss", "The token is from another issuer.")
    _, claims = await issuer.claims(token, issuer.settings.algorithms)
    check_claims(claims, issuer=issuer.settings.issuer, audiences=issuer.settings.audiences, now_s=NOW_S)
    return claims


async def test_a_good_token_is_good(issuer: Issuer, theirs: TestIssuer) -> None:
    assert (await checked(issuer, theirs.token()))["sub"] == theirs.person["sub"]
    assert await checked(issuer, theirs.token({"aud": ["another", AUDIENCE]}))
    signed = theirs.token(head={"alg": "ES256", "kid": "ec-1"}, key=elliptic())
    assert await checked(issuer, signed)
    theirs.keys = [elliptic()]


CLAIMS = {"iss": "https://id.test", "aud": AUDIENCE, "sub": "1", "iat": NOW_S, "exp": NOW_S + 300}
Forged = Callable[[TestIssuer], str]
ATTACKS: dict[str, tuple[str, Forged]] = {
    "alg none": ("alg", lambda _: unsigned({"alg": "none"}, CLAIMS)),
    "alg None in other letters": ("alg", lambda _: unsigned({"alg": "nOnE"}, CLAIMS)),
    "no alg": ("alg", lambda _: unsigned({}, CLAIMS)),
    "alg is a list": ("alg", lambda _: unsigned({"alg": ["RS256"]}, CLAIMS)),
    "HS256 with the public key": (
        "alg",
        lambda it: it.token(head={"alg": "HS256"}, key=OctKey.import_key(public_pem().replace(b"-----", b"="))),
    ),
    "an algorithm that is not pinned": ("alg", lambda _: unsigned({"alg": "RS512", "kid": "rsa-1"}, CLAIMS, "AAAA")),
    "the key of another algorithm": ("kid", lambda _: unsigned({"alg": "ES256", "kid": "rsa-1"}, CLAIMS, "AAAA")),
    "another's key": ("signature", lambda it: it.token(key=stranger())),
    "another's key, brought along": (
        "signature",
        lambda it: it.token(head={"jwk": stranger().as_dict(private=False)}, key=stranger()),
    ),
    "another's keys, at an address": (
        "signature",
        lambda it: it.token(head={"jku": "https://evil.test/jwks"}, key=stranger()),
    ),
    "no signature": ("signature", lambda it: it.token().rpartition(".")[0] + "."),
    "another's claims under the signature": (
        "signature",
        lambda it: unsigned({"alg": "RS256", "kid": "rsa-1"}, CLAIMS, it.token().rpartition(".")[2]),
    ),
    "an unknown kid": ("kid", lambda it: it.token(head={"kid": "nobody's"})),
    "no kid, of several keys that fit": ("signature", lambda it: it.token(head={"kid": None}, key=stranger())),
    "kid: a path": ("kid", lambda it: it.token(head={"kid": "../../../../dev/null"})),
    "kid: SQL": ("kid", lambda it: it.token(head={"kid": "x' UNION SELECT 'secret"})),
    "kid: too long": ("kid", lambda it: it.token(head={"kid": "k" * 201})),
    "kid: control characters": ("kid", lambda _: unsigned({"alg": "RS256", "kid": "a\nb"}, CLAIMS)),
    "kid: a number": ("kid", lambda _: unsigned({"alg": "RS256", "kid": 1}, CLAIMS)),
    "crit": ("crit", lambda _: unsigned({"alg": "RS256", "kid": "rsa-1", "crit": ["x"], "x": 1}, CLAIMS)),
    "another issuer": ("iss", lambda it: it.token({"iss": "https://evil.test"})),
    "no issuer": ("iss", lambda it: it.token(drop=("iss",))),
    "issuer: a list": ("iss", lambda it: it.token({"iss": [it.address]})),
    "another audience": ("aud", lambda it: it.token({"aud": "https://other.test"})),
    "no audience": ("aud", lambda it: it.token(drop=("aud",))),
    "an empty audience": ("aud", lambda it: it.token({"aud": []})),
    "audience: an object": ("aud", lambda it: it.token({"aud": {AUDIENCE: True}})),
    "expired": ("exp", lambda it: it.token({"exp": NOW_S})),
    "expired within the leeway": ("exp", lambda it: it.token({"exp": NOW_S - 1})),
    "no end": ("exp", lambda it: it.token(drop=("exp",))),
    "an end in words": ("exp", lambda it: it.token({"exp": "tomorrow"})),
    "an end that is no time": ("exp", lambda it: it.token({"exp": 10**30})),
    "an end that is not a number": ("exp", lambda it: it.token({"exp": float("nan")})),
    "not yet": ("nbf", lambda it: it.token({"nbf": NOW_S + LEEWAY_S + 1})),
    "made in the future": ("iat", lambda it: it.token({"iat": NOW_S + LEEWAY_S + 1})),
    "does not say when it was made": ("iat", lambda it: it.token(drop=("iat",))),
    "no subject": ("sub", lambda it: it.token(drop=("sub",))),
    "an empty subject": ("sub", lambda it: it.token({"sub": ""})),
    "subject: a number": ("sub", lambda it: it.token({"sub": 1})),
    "a subject too long": ("sub", lambda it: it.token({"sub": "s" * 256})),
    "oversized": ("size", lambda it: it.token({"x": "x" * MAX_TOKEN_BYTES})),
    "an oversized head": ("format", lambda _: unsigned({"alg": "RS256", "x": "x" * 3000}, CLAIMS)),
    "two parts": ("format", lambda it: it.token().rpartition(".")[0]),
    "encrypted": ("format", lambda _: "a.b.c.d.e"),
    "claims that are a list": ("format", lambda _: "eyJhbGciOiJSUzI1NiJ9.W10.AAAA"),
    "deep": ("format", lambda _: "eyJhbGciOiJSUzI1NiJ9." + "W1tb" * 3000 + ".AAAA"),
    "not base64": ("format", lambda _: "e30.\u00e9.AAAA"),
    "nothing": ("format", lambda _: ""),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_is_refused_by_its_check(attack: str, issuer: Issuer, theirs: TestIssuer) -> None:
    check, forge = ATTACKS[attack]
    token = forge(theirs)
    with pytest.raises(TokenRefused) as refused:
        await checked(issuer, token)
    assert refused.value.check == check
    said = str(refused.value)
    assert said.endswith(".")
    assert all(part not in said for part in token.split(".") if len(part) > 8), "no part of the token is repeated"


async def test_the_leeway_is_for_clocks_that_are_ahead(issuer: Issuer, theirs: TestIssuer) -> None:
    assert await checked(issuer, theirs.token({"iat": NOW_S + LEEWAY_S, "nbf": NOW_S + LEEWAY_S}))


async def test_a_flood_of_unknown_kids_costs_the_issuer_nothing(
    issuer: Issuer, theirs: TestIssuer, clock: Clock
) -> None:
    await checked(issuer, theirs.token())
    assert theirs.asked["/jwks"] == 1
    for n in range(50):
        with pytest.raises(TokenRefused, match="key is not one"):
            await checked(issuer, theirs.token(head={"kid": f"k{n}"}))
    assert theirs.asked["/jwks"] == 1, "they were asked for a moment ago"
    clock.s += MIN_BETWEEN_S

    async def one(n: int) -> None:
        with pytest.raises(TokenRefused):
            await checked(issuer, theirs.token(head={"kid": f"k{n}"}))

    async with asyncio.TaskGroup() as tasks:
        for n in range(50):
            tasks.create_task(one(n))
    assert theirs.asked["/jwks"] == 2


async def test_a_new_key_is_found_and_an_old_one_goes(issuer: Issuer, theirs: TestIssuer, clock: Clock) -> None:
    await checked(issuer, theirs.token())
    theirs.keys = [stranger()]
    fresh = theirs.token(head={"kid": "rsa-2"}, key=stranger())
    clock.s += MIN_BETWEEN_S
    assert await checked(issuer, fresh)
    with pytest.raises(TokenRefused, match="key is not one"):
        await checked(issuer, theirs.token())


async def test_an_issuer_that_is_away_is_asked_rarely_and_its_keys_last_a_while(
    issuer: Issuer, theirs: TestIssuer, clock: Clock
) -> None:
    theirs.away = True
    for _ in range(10):
        with pytest.raises(IssuerUnavailable, match="the issuer test answered with status 503"):
            await checked(issuer, theirs.token())
    assert sum(theirs.asked.values()) == 1
    theirs.away = False
    clock.s += PAUSE_S
    token = theirs.token()
    assert await checked(issuer, token)
    theirs.away = True
    clock.s += KEPT_S - 1
    assert await checked(issuer, token)
    clock.s += 2
    with pytest.raises(IssuerUnavailable):
        await checked(issuer, token)


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        ({"issuer": "https://evil.test"}, "describes another issuer"),
        ({"issuer": None}, "describes another issuer"),
        ({"jwks_uri": "http://169.254.169.254/keys"}, "names no jwks_uri"),
        ({"token_endpoint": "http://id.test/token"}, "names no token_endpoint"),
        ({"token_endpoint": None}, "names no token_endpoint"),
        ({"token_endpoint": "file:///etc/passwd"}, "names no token_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "names no authorization_endpoint"),
        ({"authorization_endpoint": "https://a@evil.test/"}, "names no authorization_endpoint"),
        ({"jwks_uri": "https://[id.test/"}, "names no jwks_uri"),
        ({"code_challenge_methods_supported": ["plain"]}, "does not offer PKCE"),
    ],
)
async def test_a_description_that_leads_elsewhere_is_refused(
    described: dict[str, Any], reason: str, issuer: Issuer, theirs: TestIssuer
) -> None:
    theirs.described = described
    with pytest.raises(IssuerUnavailable, match=reason):
        await issuer.provider()


def test_an_issuer_of_this_machine_may_do_without_https() -> None:
    address = "http://127.0.0.1:9"
    document = {"issuer": address, "jwks_uri": f"{address}/k", "token_endpoint": f"{address}/t"}
    assert provider_of("x", address, {**document, "authorization_endpoint": f"{address}/a"}).token_endpoint
    with pytest.raises(IssuerUnavailable, match="authorization_endpoint"):
        provider_of("x", address, {**document, "authorization_endpoint": "http://127.0.0.1:10/a"})


def test_keys_that_cannot_check_a_signature_are_passed_over() -> None:
    good = stranger().as_dict(private=False)
    weak = {"kty": "RSA", "e": "AQAB", "n": base64.urlsafe_b64encode(b"\xc1" * 127 + b"\x01").decode().rstrip("=")}
    listed: list[Any] = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "a secret"},
        {**good, "use": "enc"},
        {**good, "kid": 7},
        {**good, "n": "AQAB"},
        {**good, "n": "A" * 100_000},
        {**good, "e": "A" * 1000},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        {"kty": "RSA"},
        weak,
        "not an object",
        None,
    ]
    assert keys_of({"keys": listed}) == ()
    (key,) = keys_of({"keys": [*listed, good]})
    assert chosen([key], "rsa-2", "RS256") is key
    assert chosen([key], None, "RS256") is key
    assert chosen([key], "rsa-2", "RS384") is None, "its alg says what it is for"
    assert chosen([key, key], None, "RS256") is None, "which one is not said"
    documents: list[dict[str, Any]] = [{}, {"keys": {}}, {"keys": [good] * (MAX_KEYS + 1)}]
    for wrong in documents:
        with pytest.raises(ValueError, match=r"keys"):
            keys_of(wrong)


async def test_a_code_is_good_once_for_whoever_asked(issuer: Issuer, theirs: TestIssuer) -> None:
    query = {"state": "s", "nonce": "n", "redirect_uri": "https://v.test/back", "code_challenge": CHALLENGE}
    code = theirs.authorized(query).partition("code=")[2].partition("&")[0]
    assert "id_token" in await issuer.redeemed(code, "https://v.test/back", VERIFIER)
    for replayed in (code, "never made"):
        with pytest.raises(CodeRefused, match="invalid_grant"):
            await issuer.redeemed(replayed, "https://v.test/back", VERIFIER)
    code = theirs.authorized(query).partition("code=")[2].partition("&")[0]
    with pytest.raises(CodeRefused, match="invalid_grant"):
        await issuer.redeemed(code, "https://v.test/back", "another verifier")


# RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"issuer": "http://id.example.org"}, "https is expected"),
        ({"issuer": "https://id.example.org/?x=1"}, "without query"),
        ({"issuer": "https://user@id.example.org"}, "without query, fragment and user"),
        ({"algorithms": ["none"]}, "RS256"),
        ({"algorithms": ["HS256"]}, "RS256"),
        ({"algorithms": []}, "at least 1"),
        ({"scopes": ["profile"]}, "openid is expected"),
        ({"name": "Not A Slug"}, "pattern"),
        ({"client_id": "", "audiences": []}, "client_id"),
        ({"roles": [{"claim": "groups", "value": "x", "role": "owner"}]}, "admin"),
        ({"secret": "x"}, "not permitted"),
    ],
)
def test_settings_that_are_wrong_are_refused(given: dict[str, Any], expected: str, theirs: TestIssuer) -> None:
    with pytest.raises(ValueError, match=expected):
        settings_of(theirs, **given)
