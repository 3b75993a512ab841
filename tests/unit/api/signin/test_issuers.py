"""Signing in through an issuer, its tokens on the API, and its sign-outs."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from api.access import bearer_tokens
from api.access.bearer_tokens import CHECKED_S
from api.access.issuer_ends import IssuerEnds, is_over
from api.access.unknown_keys import ALL_MISSES_PER_MINUTE
from api.http.errors import ApiError
from api.streaming.readers import Credential
from infra.clock import monotonic_s
from infra.settings.processes import ApiSettings
from schemas import ids
from schemas.codec import set_write_level
from schemas.identity import MembershipChanged, UserChanged
from schemas.registry import registered_schemas
from schemas.signing import IdentityLinked, IssuerSignedOut, Login, SessionStarted
from tests.oidc_issuer import AUDIENCE, CLIENT, SECRET, IssuerWeb, TestIssuer, stranger
from tests.unit.api.memory_links import MemoryLinks
from tests.unit.api.memory_log import MemoryRecord
from tests.unit.api.signin.people import SESSION, browser, envelope, error_of, said
from tests.unit.api.signin.test_passwords import admin_of, made
from tests.unit.api.world import World
from topics.catalogue import ACCOUNT_EVENTS

START = SESSION + "/issuers/test"
CALLBACK = START + "/callback"
LOGOUT = START + "/logout"


def world_of(theirs: TestIssuer, *others: TestIssuer, **changes: Any) -> World:
    given: dict[str, Any] = {
        "name": "test",
        "label": "Test",
        "issuer": theirs.address,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "audiences": [AUDIENCE],
        "create_users": True,
    }
    second = {**given, "name": "other", "issuer": "https://other.test", "audiences": []}
    settings = ApiSettings.model_validate({"issuers": [given | changes, second], "read_wait_s": 0.2})
    return World(settings=settings, web=IssuerWeb(theirs, *others))


@pytest.fixture
def theirs() -> TestIssuer:
    return TestIssuer()


@pytest.fixture
def world(theirs: TestIssuer) -> World:
    return world_of(theirs)


@pytest.fixture
async def page(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(world) as client:
        yield client


async def begun(page: httpx.AsyncClient, start: str = START, **query: str) -> dict[str, str]:
    """What the browser is sent to the issuer with."""
    answer = await page.get(start, params=query)
    assert answer.status_code == 303, answer.text
    sent = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in sent.items()}


async def signed_in(page: httpx.AsyncClient, theirs: TestIssuer, **query: str) -> httpx.Response:
    """Through the issuer and back."""
    return await page.get(theirs.authorized(await begun(page, **query)))


def altered(address: str, **changes: str | None) -> str:
    base, _, query = address.partition("?")
    fields: dict[str, str | None] = {**{name: values[0] for name, values in parse_qs(query).items()}, **changes}
    return f"{base}?{urlencode({name: value for name, value in fields.items() if value is not None})}"


async def test_an_issuer_signs_a_browser_in(page: httpx.AsyncClient, world: World, theirs: TestIssuer) -> None:
    ways = (await page.get(SESSION + "/ways")).json()
    assert ways["issuers"][0] == {"name": "test", "label": "Test"}
    sent = await begun(page, to="/settings/keys")
    assert sent["response_type"] == "code"
    assert sent["code_challenge_method"] == "S256"
    assert sent["redirect_uri"] == "http://verbatim.test" + CALLBACK
    answer = await page.get(theirs.authorized(sent))
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings/keys")
    session = (await page.get(SESSION)).json()
    assert session["userId"] == ids.issuer_user_id(theirs.address, "248289761001")
    assert session["userName"] == "jane"
    (started,) = said(world, SessionStarted)
    assert started.login.issuer_session == theirs.last_sid
    assert SECRET not in repr(world.log.all_of(ACCOUNT_EVENTS))


async def test_the_same_person_is_the_same_user_and_a_name_is_nobody(
    page: httpx.AsyncClient, world: World, theirs: TestIssuer
) -> None:
    await signed_in(page, theirs)
    first = (await page.get(SESSION)).json()["userId"]
    theirs.person = {**theirs.person, "preferred_username": "renamed", "email": "root@verbatim.test"}
    await signed_in(page, theirs)
    assert (await page.get(SESSION)).json()["userId"] == first
    theirs.person = {"sub": "another", "preferred_username": "jane"}
    await signed_in(page, theirs)
    assert (await page.get(SESSION)).json()["userId"] != first, "the same name, another subject"
    assert len(said(world, IdentityLinked)) == 2


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"state": "forged"}, "state"),
        ({"state": None}, "state"),
        ({"code": "never made"}, "code"),
        ({"code": None}, "code"),
        ({"code": "c" * 3000}, "code"),
        ({"iss": "https://evil.test"}, "iss"),
        ({"iss": None}, "iss"),
        ({"error": "access_denied"}, "issuer"),
    ],
)
async def test_an_answer_that_was_changed_is_refused(
    page: httpx.AsyncClient, world: World, theirs: TestIssuer, change: dict[str, str | None], check: str
) -> None:
    back = altered(theirs.authorized(await begun(page)), **change)
    answer = await page.get(back)
    assert error_of(answer) == (401, "invalid_token")
    assert f"(check: {check})" in answer.json()["error"]["message"]
    assert not said(world, SessionStarted)


@pytest.mark.parametrize(
    ("claims", "check"),
    [
        ({"nonce": "another's"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"aud": "another"}, "aud"),
        ({"iss": "https://evil.test"}, "iss"),
        ({"exp": 1}, "exp"),
        ({"azp": "another"}, "azp"),
        ({"sub": ""}, "sub"),
    ],
)
async def test_an_id_token_that_proves_nothing_signs_nobody_in(
    page: httpx.AsyncClient, theirs: TestIssuer, claims: dict[str, Any], check: str
) -> None:
    theirs.id_claims = claims
    answer = await signed_in(page, theirs)
    assert error_of(answer) == (401, "invalid_token")
    assert f"(check: {check})" in answer.json()["error"]["message"]


async def test_state_and_code_are_good_once(page: httpx.AsyncClient, theirs: TestIssuer) -> None:
    sent = await begun(page)
    back = theirs.authorized(sent)
    kept = dict(page.cookies)
    assert (await page.get(back)).status_code == 303
    page.cookies.update(kept)
    for replayed in (back, theirs.authorized(sent)):
        answer = await page.get(replayed)
        assert "(check: replay)" in answer.json()["error"]["message"]


async def test_another_browser_cannot_end_what_this_one_began(
    page: httpx.AsyncClient, world: World, theirs: TestIssuer
) -> None:
    back = theirs.authorized(await begun(page))
    async with browser(world) as victim:
        assert "(check: state)" in (await victim.get(back)).json()["error"]["message"]
        await begun(victim)
        assert "(check: state)" in (await victim.get(back)).json()["error"]["message"]
        assert (await victim.get(SESSION)).status_code == 401


async def test_one_issuer_cannot_answer_for_another(page: httpx.AsyncClient, theirs: TestIssuer) -> None:
    back = theirs.authorized(await begun(page)).replace("/issuers/test/", "/issuers/other/")
    assert "(check: state)" in (await page.get(back)).json()["error"]["message"]


async def test_a_browser_is_told_on_the_page_why(page: httpx.AsyncClient, theirs: TestIssuer) -> None:
    theirs.away = True
    answer = await page.get(START, headers={"Accept": "text/html"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/signin#failed=issuer_unavailable")
    program = await page.get(START)
    assert error_of(program) == (503, "issuer_unavailable")
    assert "the issuer test answered with status 503" in program.json()["error"]["message"]


async def test_who_was_never_here_needs_an_invitation(theirs: TestIssuer) -> None:
    world = world_of(theirs, create_users=False)
    async with browser(world) as page:
        assert error_of(await signed_in(page, theirs)) == (403, "not_a_user")
        link = await made(world, await admin_of(world), {"roles": ["auditor"]})
        assert (await signed_in(page, theirs, invitation=link["link"])).status_code == 303
        assert (await page.get(SESSION)).json()["roles"] == ["auditor"]
        assert error_of(await page.get(START, params={"invitation": link["link"]})) == (410, "link_used")
        assert (await signed_in(page, theirs)).status_code == 303, "the link between the two stays"


async def test_an_invitation_for_a_name_is_for_no_other_persons_of_an_issuer(theirs: TestIssuer) -> None:
    world = world_of(theirs, create_users=False)
    key = await admin_of(world)
    async with browser(world) as page:
        link = (await made(world, key, {"name": "someone else"}))["link"]
        assert error_of(await signed_in(page, theirs, invitation=link)) == (400, "other_name")
        theirs.person = {**theirs.person, "preferred_username": "someone else"}
        assert (await signed_in(page, theirs, invitation=link)).status_code == 303, "it was not used up"


async def test_claims_are_mapped_at_each_sign_in_and_what_is_gone_is_taken(theirs: TestIssuer) -> None:
    world = world_of(
        theirs,
        roles=[{"claim": "groups", "value": "ops", "role": "admin"}],
        organisations=[{"claim": "groups", "value": "acme", "organisation": "Acme", "role": "auditor"}],
    )
    async with browser(world) as page:
        theirs.person = {**theirs.person, "groups": ["ops", "acme"]}
        await signed_in(page, theirs)
        session = (await page.get(SESSION)).json()
        assert session["roles"] == ["admin", "member"]
        assert session["organisation"] == {"id": ids.organisation_id("Acme"), "name": "Acme", "role": "auditor"}
        written = len(said(world, UserChanged)) + len(said(world, MembershipChanged))
        await signed_in(page, theirs)
        assert len(said(world, UserChanged)) + len(said(world, MembershipChanged)) == written, "nothing has changed"
        theirs.person = {**theirs.person, "groups": []}
        await signed_in(page, theirs)
        session = (await page.get(SESSION)).json()
        assert session["roles"] == ["member"]
        assert session["organisation"] is None


async def posted(page: httpx.AsyncClient, token: str, path: str = LOGOUT) -> httpx.Response:
    return await page.post(path, data={"logout_token": token})


async def test_the_issuer_ends_a_session_and_no_other(world: World, theirs: TestIssuer) -> None:
    async with browser(world) as first, browser(world) as second:
        await signed_in(first, theirs)
        sid = theirs.last_sid
        await signed_in(second, theirs)
        token = theirs.logout_token(sid=sid)
        assert (await posted(second, token)).status_code == 200
        assert error_of(await first.get(SESSION)) == (401, "session_ended")
        assert (await second.get(SESSION)).status_code == 200
        assert "(check: replay)" in (await posted(second, token)).json()["error"]["message"]


async def test_the_issuer_ends_all_of_a_person(world: World, theirs: TestIssuer) -> None:
    async with browser(world) as first, browser(world) as second:
        await signed_in(first, theirs)
        await signed_in(second, theirs)
        assert (await posted(first, theirs.logout_token())).status_code == 200
        for page in (first, second):
            assert error_of(await page.get(SESSION)) == (401, "session_ended")


async def test_an_issuer_says_many_sign_outs_at_once(
    page: httpx.AsyncClient, world: World, theirs: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not say them again: each that is refused leaves somebody signed in."""
    take = MemoryLinks.take

    async def slowly(self: MemoryLinks, nonce: str, for_s: int) -> bool:
        await asyncio.sleep(0)
        return await take(self, nonce, for_s)

    monkeypatch.setattr(MemoryLinks, "take", slowly)
    answers = await asyncio.gather(*(posted(page, theirs.logout_token(sub=f"person {n}")) for n in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(said(world, IssuerSignedOut)) == 50


async def test_who_sends_wrong_sign_outs_is_told_to_wait(page: httpx.AsyncClient, theirs: TestIssuer) -> None:
    forged = theirs.token({"jti": "x"}, key=stranger())
    answers = [(await posted(page, forged)).status_code for _ in range(40)]
    assert (answers[0], answers[-1]) == (400, 429)


async def test_a_sign_out_that_was_not_recorded_can_be_said_again(
    page: httpx.AsyncClient, world: World, theirs: TestIssuer
) -> None:
    await signed_in(page, theirs)
    token = theirs.logout_token()
    world.log.down = "refuse"
    assert (await posted(page, token)).status_code == 503
    world.log.down = ""
    assert (await posted(page, token)).status_code == 200
    assert error_of(await page.get(SESSION)) == (401, "session_ended")


async def test_a_sign_out_that_comes_late_takes_no_other_back(world: World, theirs: TestIssuer) -> None:
    start = theirs.time_s()
    async with browser(world) as page:
        await signed_in(page, theirs)
        assert (await posted(page, theirs.logout_token())).status_code == 200
        assert (await posted(page, theirs.logout_token(iat=start - 100))).status_code == 200
    (started,) = said(world, SessionStarted)
    assert await IssuerEnds(world.reads, lambda _: None).is_over(started.login), "by what the projections say alone"


@pytest.mark.parametrize("claims", [{"sub": "\ud800"}, {"sid": "\ud800"}, {"jti": "\ud800"}, {"name": "\ud800"}])
async def test_half_a_character_is_no_text(world: World, theirs: TestIssuer, claims: dict[str, Any]) -> None:
    async with browser(world) as page:
        theirs.id_claims = claims
        for answer in (
            await page.get(SESSION, headers=bearer(theirs.token(claims))),
            await signed_in(page, theirs),
        ):
            assert "(check: format)" in answer.json()["error"]["message"]
        assert (await posted(page, theirs.logout_token(**claims))).status_code == 400


async def test_an_address_gives_a_role_only_if_its_issuer_has_checked_it(theirs: TestIssuer) -> None:
    """Who may write any address beside their name would else be whoever they like."""
    world = world_of(
        theirs,
        roles=[{"claim": "email", "value": "boss@corp.test", "role": "admin"}],
        organisations=[{"claim": "email", "value": "boss@corp.test", "organisation": "Corp", "role": "admin"}],
    )
    async with browser(world) as page:
        for verified, roles in (
            (False, ["member"]),
            (None, ["member"]),
            ("false", ["member"]),
            (True, ["admin", "member"]),
        ):
            theirs.person = {**theirs.person, "email": "boss@corp.test", "email_verified": verified}
            await signed_in(page, theirs)
            session = (await page.get(SESSION)).json()
            assert (session["roles"], session["organisation"] is None) == (roles, roles == ["member"])


@pytest.mark.parametrize(
    ("claims", "check"),
    [
        ({"aud": "another"}, "aud"),
        ({"nonce": "n"}, "nonce"),
        ({"events": {}}, "events"),
        ({"jti": None}, "jti"),
        ({"iat": 1}, "iat"),
        ({"sub": None}, "sub"),
        ({"iss": "https://other.test"}, "iss"),
    ],
)
async def test_a_logout_that_is_none_ends_nothing(
    page: httpx.AsyncClient, theirs: TestIssuer, claims: dict[str, Any], check: str
) -> None:
    await signed_in(page, theirs)
    answer = await posted(page, theirs.logout_token(**claims))
    assert error_of(answer) == (400, "invalid_request")
    assert f"(check: {check})" in answer.json()["error"]["message"]
    forged = await posted(page, theirs.token({"jti": "x"}, key=stranger()))
    assert "(check: signature)" in forged.json()["error"]["message"]
    assert (await page.get(SESSION)).status_code == 200


async def test_a_logout_waits_for_the_upgrade(page: httpx.AsyncClient, theirs: TestIssuer) -> None:
    set_write_level(5)
    assert error_of(await posted(page, theirs.logout_token())) == (400, "unsupported_parameter")


@pytest.mark.parametrize("body", [b"", b"logout_token=a&logout_token=b", b"x=" + b"a" * 40_000, b"\xff=\xff"])
async def test_a_logout_that_is_no_form_is_refused(page: httpx.AsyncClient, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await page.post(LOGOUT, content=body, headers=headers)).status_code == 400


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_token_opens_the_api_as_its_user(world: World, theirs: TestIssuer) -> None:
    async with browser(world) as page, world.client(None) as program:
        unknown = await program.get(SESSION, headers=bearer(theirs.token()))
        assert error_of(unknown) == (401, "invalid_token")
        await signed_in(page, theirs)
        session = (await program.get(SESSION, headers=bearer(theirs.token()))).json()
        assert session["userId"] == ids.issuer_user_id(theirs.address, theirs.person["sub"])
        made_one = await program.post("/api/v1/conversations", json={}, headers=bearer(theirs.token()))
        assert made_one.status_code == 201


@pytest.mark.parametrize(
    ("claims", "head", "check"),
    [
        ({"aud": CLIENT}, {}, "aud"),
        ({"iss": "https://evil.test"}, {}, "iss"),
        ({"exp": 1}, {}, "exp"),
        ({"events": {}}, {}, "typ"),
        ({}, {"typ": "logout+jwt"}, "typ"),
        ({}, {"kid": "x"}, "kid"),
    ],
)
async def test_a_token_that_proves_nothing_opens_nothing(
    world: World, theirs: TestIssuer, claims: dict[str, Any], head: dict[str, Any], check: str
) -> None:
    token = theirs.token(claims, head=head)
    async with world.client(None) as program:
        answer = await program.get(SESSION, headers=bearer(token))
        assert error_of(answer) == (401, "invalid_token")
        assert f"(check: {check})" in answer.json()["error"]["message"]
        assert all(part not in answer.text for part in token.split("."))


async def test_a_token_of_a_key_that_was_withdrawn_is_found_out(
    world: World, theirs: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the token says that it is good."""
    token = theirs.token({"exp": theirs.time_s() + 86_400})
    async with browser(world) as page, world.client(None) as program:
        await signed_in(page, theirs)
        assert (await program.get(SESSION, headers=bearer(token))).status_code == 200
        theirs.keys = [stranger()]
        later_s = monotonic_s() + CHECKED_S + 1
        (known, _) = world.adapters.sign_ins.issuers
        monkeypatch.setattr(known._keys, "_now_s", lambda: later_s)
        monkeypatch.setattr(bearer_tokens, "monotonic_s", lambda: later_s)
        answer = await program.get(SESSION, headers=bearer(token))
        assert "(check: kid)" in answer.json()["error"]["message"]


async def test_a_good_token_is_checked_again_whoever_sends_wrong_ones(
    world: World, theirs: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = theirs.token()
    async with browser(world) as page, world.client(None) as program:
        await signed_in(page, theirs)
        assert (await program.get(SESSION, headers=bearer(token))).status_code == 200
        for n in range(40):
            wrong = await program.get(SESSION, headers=bearer(theirs.token({"n": n}, key=stranger())))
        assert wrong.status_code == 429
        later_s = monotonic_s() + CHECKED_S + 1
        monkeypatch.setattr(bearer_tokens, "monotonic_s", lambda: later_s)
        assert (await program.get(SESSION, headers=bearer(token))).status_code == 200


async def test_many_addresses_that_send_wrong_tokens_keep_nobody_out(world: World, theirs: TestIssuer) -> None:
    async with browser(world) as page:
        await signed_in(page, theirs)
        tokens = world.adapters.sign_ins.tokens
        for n in range(ALL_MISSES_PER_MINUTE + 10):
            with pytest.raises(ApiError, match="not a signed JSON"):
                await tokens.principal("a.b.c", f"198.51.{n // 250}.{n % 250}")
        assert (await tokens.principal(theirs.token(), "192.0.2.77")).form == "jwt"
        out = theirs.logout_token()
        assert (await posted(page, out)).status_code == 200


async def test_who_sends_wrong_tokens_is_told_to_wait(world: World, theirs: TestIssuer) -> None:
    async with world.client(None) as program:
        answers = [
            (await program.get(SESSION, headers=bearer(theirs.token({"n": n}, key=stranger())))).status_code
            for n in range(40)
        ]
    assert answers[0] == 401
    assert answers[-1] == 429


async def test_a_token_gives_no_role_that_its_claims_do_not(theirs: TestIssuer) -> None:
    world = world_of(theirs, roles=[{"claim": "groups", "value": "ops", "role": "admin"}])
    async with browser(world) as page, world.client(None) as program:
        theirs.person = {**theirs.person, "groups": ["ops"]}
        await signed_in(page, theirs)
        less = await program.get(SESSION, headers=bearer(theirs.token()))
        assert less.json()["roles"] == ["member"]
        full = await program.get(SESSION, headers=bearer(theirs.token({"groups": ["ops"]})))
        assert full.json()["roles"] == ["admin", "member"]
        taken = UserChanged(envelope=envelope("t"), user_id=full.json()["userId"], roles=("member",))
        world.log.append(ACCOUNT_EVENTS, taken.user_id, taken)
        now = await program.get(SESSION, headers=bearer(theirs.token({"groups": ["ops"]})))
        assert now.json()["roles"] == ["member"], "and none that its user has lost"


async def test_a_token_makes_no_key_that_may_more(theirs: TestIssuer) -> None:
    world = world_of(theirs, roles=[{"claim": "groups", "value": "ops", "role": "admin"}])
    async with browser(world) as page, world.client(None) as program:
        theirs.person = {**theirs.person, "groups": ["ops"]}
        await signed_in(page, theirs)
        less = await program.post("/api/v1/keys", json={}, headers=bearer(theirs.token()))
        assert error_of(less) == (403, "insufficient_permissions"), "its claims give less than its user has"
        full = await program.post("/api/v1/keys", json={}, headers=bearer(theirs.token({"groups": ["ops"]})))
        assert full.status_code == 201, full.text
        assert full.json()["expiresAt"] is not None, "it ends with the token"


async def test_a_sign_out_ends_tokens_and_streams(world: World, theirs: TestIssuer) -> None:
    async with browser(world) as page, world.client(None) as program:
        await signed_in(page, theirs)
        token = theirs.token()
        principal = await world.adapters.sign_ins.tokens.principal(token)
        readers = world.adapters.readers
        reader = readers.enter(principal.credential)
        other = readers.enter(Credential("x" * 64))
        readers.tick(0.0, (principal.expires_at_us or 0) - 1)
        assert reader.gone is None
        assert (await posted(page, theirs.logout_token())).status_code == 200
        assert [one.gone for one in (reader, other)] == ["revoked", None]
        assert readers.enter(principal.credential).gone == "revoked", "a stream that was about to begin"
        answer = await program.get(SESSION, headers=bearer(token))
        assert "(check: logout)" in answer.json()["error"]["message"]


async def test_a_stream_ends_with_its_token(world: World, theirs: TestIssuer) -> None:
    async with browser(world) as page:
        await signed_in(page, theirs)
    principal = await world.adapters.sign_ins.tokens.principal(theirs.token({"exp": theirs.time_s() + 60}))
    reader = world.adapters.readers.enter(principal.credential)
    end_us = principal.expires_at_us or 0
    world.adapters.readers.tick(0.0, end_us - 1)
    assert reader.gone is None
    world.adapters.readers.tick(0.0, end_us)
    assert reader.gone == "expired"


OUT: dict[str, Any] = {"envelope": envelope("o"), "issuer": "i", "at_s": 100}
LOGIN: dict[str, Any] = {"issuer": "i", "subject": "s"}


@pytest.mark.parametrize(
    ("login", "out", "over"),
    [
        ({"issued_at_s": 100}, {"subject": "s", "issuer_session": ""}, True),
        ({"issued_at_s": 101}, {"subject": "s", "issuer_session": ""}, False),
        ({"issued_at_s": 1, "issuer": "j"}, {"subject": "s", "issuer_session": ""}, False),
        ({"issued_at_s": 1}, {"subject": "t", "issuer_session": ""}, False),
        ({"issued_at_s": 999, "issuer_session": "a"}, {"subject": "", "issuer_session": "a"}, True),
        ({"issued_at_s": 1, "issuer_session": "b"}, {"subject": "s", "issuer_session": "a"}, False),
        ({"issued_at_s": 1}, {"subject": "s", "issuer_session": "a"}, True),
        ({"issued_at_s": 1}, {"subject": "", "issuer_session": "a"}, False),
    ],
)
async def test_what_a_sign_out_ends(world: World, login: dict[str, Any], out: dict[str, Any], over: bool) -> None:
    """As a rule, and as it is told from what was seen and from what is read."""
    began, event = Login(**(LOGIN | login)), IssuerSignedOut(**(OUT | out))
    assert is_over(began, event) is over
    world.log.append(ACCOUNT_EVENTS, "about", event)
    assert await world.adapters.sign_ins.issuer_ends.is_over(began) is over
    later = World()
    later.log.append(ACCOUNT_EVENTS, "about", event)
    fresh = type(world.adapters.sign_ins.issuer_ends)(later.reads, lambda _: None)
    assert await fresh.is_over(began) is over


async def test_a_record_that_is_too_new_has_sign_outs_asked_for_again(world: World) -> None:
    """A process that runs on during an upgrade hears of a sign-out by the projections."""
    began = Login(issuer="i", subject="s", issued_at_s=1)
    ends = IssuerEnds(world.reads, lambda _: None, young_s=0.0)
    assert not await ends.is_over(began)
    world.log.append(ACCOUNT_EVENTS, "about", IssuerSignedOut(**(OUT | {"subject": "s", "issuer_session": ""})))
    assert not await ends.is_over(began), "it is known, for a while"
    newer = struct.pack(">bI", 0, max(registered_schemas()) + 1) + b"?"
    ends.on_batch([MemoryRecord((ACCOUNT_EVENTS, 0, 99), b"", newer)])
    assert await ends.is_over(began)
