"""Signing in with a password; what ends a session; signing up, invitations and resets."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from api.signin import invitation_routes, saying
from api.signin.one_time import DAY_US
from api.signin.slowing import ACCOUNT
from infra.clock import now_us
from infra.passwords.hashing import Parameters, Passwords, Verdict
from infra.settings.processes import ApiSettings
from projections.sign_ins import queries
from schemas import ids
from schemas.account import SessionsEnded, UserCreated
from schemas.codec import set_write_level
from schemas.identity import MembershipChanged, OrganisationCreated, UserChanged
from schemas.signing import OneTimeLinkMade, PasswordSet, SessionEnded, SessionStarted
from tests.unit.api.signin.people import PASSWORD, SESSION, add_person, add_user, browser, envelope, error_of, said
from tests.unit.api.world import World
from topics.catalogue import ACCOUNT_EVENTS

ALICE = {"name": "alice", "password": PASSWORD}
INVITATIONS = "/api/v1/admin/invitations"


@pytest.fixture
def world() -> World:
    return World()


async def test_a_password_signs_in_and_nothing_of_it_is_kept(world: World) -> None:
    user_id = await add_person(world, "alice")
    async with browser(world) as page:
        answer = await page.post(SESSION, json=ALICE)
        assert answer.status_code == 200, answer.text
        assert answer.json()["userId"] == user_id
        assert (await page.get(SESSION)).json() == answer.json()
        assert (await page.post("/api/v1/conversations", json={})).status_code == 201
    (started,) = said(world, SessionStarted)
    assert (started.user_id, started.method) == (user_id, "password")
    assert PASSWORD not in repr(world.log.all_of(ACCOUNT_EVENTS))
    assert started.session_sha256 not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        {"name": "alice", "password": "wrong"},
        {"name": "nobody", "password": PASSWORD},
        {"name": "Alice", "password": PASSWORD},
        {"name": "alice", "password": ""},
    ],
)
async def test_a_wrong_name_and_a_wrong_password_are_answered_alike(world: World, body: dict[str, str]) -> None:
    await add_person(world, "alice")
    async with browser(world) as page:
        answer = await page.post(SESSION, json=body)
        assert error_of(answer) == (401, "wrong_password")
        assert answer.json()["error"]["message"] == "The name or the password is wrong."
        assert not page.cookies


async def test_a_user_without_a_password_costs_as_much_to_try(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is hashed is counted: the same for somebody, for nobody, and for who has no password."""
    await add_person(world, "alice")
    add_user(world, "bob")
    checked: list[str | None] = []
    check = Passwords._check

    def counted(self: Passwords, kept: str | None, password: str) -> object:
        checked.append(kept)
        return check(self, kept, password)

    monkeypatch.setattr(Passwords, "_check", counted)
    async with browser(world) as page:
        for name in ("alice", "bob", "nobody"):
            await page.post(SESSION, json={"name": name, "password": "wrong"})
    assert len(checked) == 3


@pytest.mark.parametrize("body", [{}, {"name": "a"}, {"password": "b"}, {**ALICE, "key": "k"}, {**ALICE, "link": "l"}])
async def test_one_way_is_to_be_chosen(world: World, body: dict[str, str]) -> None:
    async with browser(world) as page:
        assert (await page.post(SESSION, json=body)).status_code == 400


async def test_tries_slow_down_and_success_forgives(world: World) -> None:
    await add_person(world, "alice")
    async with browser(world) as page:
        for _ in range(ACCOUNT.free + 1):
            assert error_of(await page.post(SESSION, json={**ALICE, "password": "wrong"}))[0] == 401
        answer = await page.post(SESSION, json=ALICE)
        assert error_of(answer) == (429, "too_many_tries")
        assert answer.headers["retry-after"] == "1"
        world.now_s += 1
        assert (await page.post(SESSION, json=ALICE)).status_code == 200
        assert error_of(await page.post(SESSION, json={**ALICE, "password": "wrong"}))[0] == 401


async def test_new_parameters_are_taken_at_the_next_sign_in(world: World) -> None:
    user_id = await add_person(world, "alice")
    other = Passwords(Parameters(time_cost=2, memory_kib=16, lanes=1))
    old = await other.hashed(PASSWORD)
    other.close()
    event = PasswordSet(envelope=envelope("old"), user_id=user_id, password_hash=old)
    world.log.append(ACCOUNT_EVENTS, user_id, event)
    async with browser(world) as page:
        for _ in range(2):
            assert (await page.post(SESSION, json=ALICE)).status_code == 200
    hashes = [event.password_hash for event in said(world, PasswordSet)]
    assert hashes[1] == old
    assert hashes[2].startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert len(hashes) == 3, "once"


async def test_sessions_are_listed_and_one_of_them_ended(world: World) -> None:
    await add_person(world, "alice")
    async with browser(world) as here, browser(world) as there:
        for page in (here, there):
            await page.post(SESSION, json=ALICE)
        listed = (await here.get("/api/v1/sessions")).json()["data"]
        assert [row["current"] for row in listed] == [True, False]
        assert (await here.delete(f"/api/v1/sessions/{listed[1]['id']}")).status_code == 204
        assert error_of(await there.get(SESSION)) == (401, "session_ended")
        assert (await here.get(SESSION)).status_code == 200
        assert len((await here.get("/api/v1/sessions")).json()["data"]) == 1


async def test_signing_out_ends_the_session_wherever_its_cookie_went(world: World) -> None:
    await add_person(world, "alice")
    async with browser(world) as page, browser(world) as thief:
        await page.post(SESSION, json=ALICE)
        thief.cookies.update(page.cookies)
        assert (await thief.get(SESSION)).status_code == 200
        assert (await page.delete(SESSION)).status_code == 204
        assert error_of(await thief.get(SESSION)) == (401, "session_ended")
    assert len(said(world, SessionEnded)) == 1


async def test_another_process_learns_of_the_end_from_the_log(world: World) -> None:
    await add_person(world, "alice")
    async with browser(world) as page:
        await page.post(SESSION, json=ALICE)
        (started,) = said(world, SessionStarted)
        end = SessionEnded(
            envelope=envelope("end"),
            user_id=started.user_id,
            session_id=started.session_id,
            session_sha256=started.session_sha256,
        )
        world.log.append(ACCOUNT_EVENTS, started.user_id, end)
        assert error_of(await page.get(SESSION)) == (401, "session_ended")


async def test_another_password_ends_every_other_session(world: World) -> None:
    await add_person(world, "alice")
    new = {"current": PASSWORD, "password": "another good password"}
    async with browser(world) as here, browser(world) as there:
        for page in (here, there):
            await page.post(SESSION, json=ALICE)
        wrong = await here.post(SESSION + "/password", json={**new, "current": "wrong"})
        assert error_of(wrong) == (401, "wrong_password")
        assert error_of(await here.post(SESSION + "/password", json={**new, "password": "short"})) == (
            400,
            "weak_password",
        )
        assert (await here.post(SESSION + "/password", json=new)).status_code == 204
        assert (await here.get(SESSION)).status_code == 200
        assert error_of(await there.get(SESSION)) == (401, "session_ended")
        assert error_of(await there.post(SESSION, json=ALICE)) == (401, "wrong_password")
        assert (await there.post(SESSION, json={**ALICE, "password": new["password"]})).status_code == 200
    assert len(said(world, SessionsEnded)) == 1


async def test_who_is_called_as_another_forgives_no_tries_for_them(world: World) -> None:
    await add_person(world, "alice")
    bob = await add_person(world, "bob", "the password of bob")
    world.log.append(ACCOUNT_EVENTS, bob, UserChanged(envelope=envelope("b"), user_id=bob, name="alice"))
    same = {"current": "the password of bob", "password": "the next one of bob"}
    async with browser(world) as page, browser(world, "192.0.2.9") as guessing:
        await page.post(SESSION, json={"name": "bob", "password": "the password of bob"})
        for _ in range(ACCOUNT.free):
            await guessing.post(SESSION, json={**ALICE, "password": "wrong"})
        assert (await page.post(SESSION + "/password", json=same)).status_code == 204
        assert error_of(await guessing.post(SESSION, json={**ALICE, "password": "wrong"}))[0] == 401
        assert error_of(await guessing.post(SESSION, json=ALICE)) == (429, "too_many_tries")


@pytest.mark.parametrize(
    "less",
    [{"scopes": ["keys"]}, {"expires_at": "2030-01-01T00:00:00Z"}, {"limits": {"requests_per_minute": 9}}],
    ids=lambda less: next(iter(less)),
)
async def test_a_key_that_may_less_sets_no_password(world: World, less: dict[str, object]) -> None:
    """By a password one would come in again with all that the user may, for good."""
    new = {"password": "long enough to be one"}
    add_user(world, "alice")
    async with world.client(world.add_key("alice", "a")) as whole, browser(world) as page:
        key = (await whole.post("/api/v1/keys", json=less)).json()["key"]
        async with world.client(key) as some:
            assert error_of(await some.post(SESSION + "/password", json=new)) == (403, "insufficient_permissions")
        assert (await page.post(SESSION, json={"key": key})).status_code == 200
        refused = await page.post(SESSION + "/password", json=new)
        assert error_of(refused) == (403, "insufficient_permissions"), "nor does its cookie"
        assert not said(world, PasswordSet)
        assert (await whole.post(SESSION + "/password", json=new)).status_code == 204


async def test_a_key_made_in_a_session_outlasts_it(world: World) -> None:
    await add_person(world, "alice")
    async with browser(world) as page:
        await page.post(SESSION, json=ALICE)
        key = (await page.post("/api/v1/keys", json={})).json()
        assert key["expiresAt"] is None
        late = await page.post("/api/v1/keys", json={"expires_at": "2031-01-01T00:00:00Z"})
        assert late.status_code == 201, late.text


async def test_who_is_suspended_is_not_let_in_and_is_put_out(world: World) -> None:
    user_id = await add_person(world, "alice")
    suspended = UserChanged(envelope=envelope("s"), user_id=user_id, suspended=True)
    async with browser(world) as page:
        await page.post(SESSION, json=ALICE)
        world.log.append(ACCOUNT_EVENTS, user_id, suspended)
        assert error_of(await page.get(SESSION)) == (403, "account_suspended")
        assert error_of(await page.post(SESSION, json=ALICE)) == (403, "account_suspended")


async def test_nobody_signs_up_unless_a_setting_says_so(world: World) -> None:
    async with browser(world) as page:
        assert (await page.get(SESSION + "/ways")).json() == {"password": True, "signUp": "closed", "issuers": []}
        assert error_of(await page.post(SESSION + "/sign-up", json=ALICE)) == (403, "sign_up_closed")
    assert not said(world, UserCreated)


async def test_where_everybody_may_sign_up_a_name_is_taken_once() -> None:
    world = World(settings=ApiSettings(sign_up="open", read_wait_s=0.2))
    async with browser(world) as page, browser(world, "192.0.2.9") as other:
        answer = await page.post(SESSION + "/sign-up", json=ALICE)
        assert answer.status_code == 200, answer.text
        assert (await page.get(SESSION)).json()["userName"] == "alice"
        assert answer.json()["roles"] == ["member"]
        taken = await other.post(SESSION + "/sign-up", json={**ALICE, "password": "mine from now on!"})
        assert error_of(taken) == (409, "name_taken")
        reserved = await other.post(SESSION + "/sign-up", json={**ALICE, "name": "admin"})
        assert error_of(reserved) == (409, "name_taken"), "an operator's name is nobody's to take"
        assert error_of(await other.post(SESSION + "/sign-up", json={**ALICE, "name": "bob", "password": "x"})) == (
            400,
            "weak_password",
        )
    assert len(said(world, PasswordSet)) == 1


async def test_the_first_administrators_name_is_nobodys_to_take() -> None:
    """`up` makes the user of this name an administrator, whoever is configured to be one beside."""
    world = World(settings=ApiSettings(sign_up="open", operators=("root",), read_wait_s=0.2))
    async with browser(world) as page:
        for name in ("admin", "root"):
            answer = await page.post(SESSION + "/sign-up", json={**ALICE, "name": name})
            assert error_of(answer) == (409, "name_taken")
    assert not said(world, UserCreated)


@pytest.mark.parametrize(
    "name", [ids.user_id("root"), ids.user_id("root").upper(), "a\u200bb", "\u202eeve", " ", "\u3000"]
)
async def test_a_name_is_nobodys_id_and_can_be_seen(name: str) -> None:
    """An operator who says an id means the user who has it, and nobody who is called so."""
    world = World(settings=ApiSettings(sign_up="open", read_wait_s=0.2))
    key = await admin_of(world)
    async with browser(world) as page, world.client(key) as admin:
        answer = await page.post(SESSION + "/sign-up", json={**ALICE, "name": name})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "name")
        if name.strip():
            assert (await admin.post(INVITATIONS, json={"name": name})).status_code == 400
    assert not said(world, UserCreated)


async def test_a_name_is_the_same_however_it_is_typed() -> None:
    world = World(settings=ApiSettings(sign_up="open", read_wait_s=0.2))
    async with browser(world) as page, browser(world, "192.0.2.9") as other:
        made = await page.post(SESSION + "/sign-up", json={**ALICE, "name": "Ren\u00e9"})
        assert made.status_code == 200, made.text
        taken = await other.post(SESSION + "/sign-up", json={**ALICE, "name": "Rene\u0301"})
        assert error_of(taken) == (409, "name_taken")
        assert (await other.post(SESSION, json={**ALICE, "name": " Rene\u0301"})).status_code == 200


async def test_an_operator_who_is_named_by_an_id_is_nobodys_to_be() -> None:
    """Ids follow from names: who has the name would be the operator."""
    world = World(settings=ApiSettings(sign_up="open", operators=(ids.user_id("root"),), read_wait_s=0.2))
    async with browser(world) as page:
        answer = await page.post(SESSION + "/sign-up", json={**ALICE, "name": "root"})
        assert error_of(answer) == (409, "name_taken")
    assert not said(world, UserCreated)


async def test_of_two_who_take_a_name_in_the_same_moment_the_log_says_who_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(saying, "now_us", lambda: 1_800_000_000_000_000)
    world = World(settings=ApiSettings(sign_up="open", read_wait_s=0.2))
    async with browser(world) as page, browser(world, "192.0.2.9") as other:
        both = await asyncio.gather(
            page.post(SESSION + "/sign-up", json=ALICE),
            other.post(SESSION + "/sign-up", json={**ALICE, "password": "mine from now on!"}),
        )
    assert sorted(answer.status_code for answer in both) == [200, 409]
    assert len(said(world, UserCreated)) == 2
    assert len(said(world, PasswordSet)) == 1


async def test_a_link_lets_one_of_two_in_who_use_it_at_once(world: World) -> None:
    link = (await made(world, await admin_of(world), {}))["link"]
    async with browser(world) as page, browser(world, "192.0.2.9") as other:
        both = await asyncio.gather(
            page.post(SESSION + "/sign-up", json={**ALICE, "invitation": link}),
            other.post(SESSION + "/sign-up", json={**ALICE, "name": "bob", "invitation": link}),
        )
    assert sorted(answer.status_code for answer in both) == [200, 410]
    assert len(said(world, PasswordSet)) == 1


async def test_a_password_that_cannot_be_told_to_be_the_last_opens_nothing(world: World) -> None:
    """Projections that are behind know the password that was replaced a moment ago, for whatever reason it was."""
    await add_person(world, "alice")
    async with browser(world) as page:
        assert (await page.post(SESSION, json=ALICE)).status_code == 200
        world.reads.caught_up = False
        assert (await page.post(SESSION, json=ALICE)).status_code == 503
        new = {"current": PASSWORD, "password": "another good password"}
        assert (await page.post(SESSION + "/password", json=new)).status_code == 503
    assert len(said(world, SessionStarted)) == 1
    assert len(said(world, PasswordSet)) == 1


async def test_who_showed_the_old_password_is_out_with_all_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All sessions end, with a reset, while a password is being checked: that session is none of the new ones."""
    user_id = await add_person(world, "alice")
    verdict = Passwords.verdict

    async def meanwhile(self: Passwords, kept: str | None, password: str) -> Verdict:
        found = await verdict(self, kept, password)
        world.log.append(ACCOUNT_EVENTS, user_id, SessionsEnded(envelope("reset"), user_id))
        return found

    monkeypatch.setattr(Passwords, "verdict", meanwhile)
    async with browser(world) as thief:
        assert (await thief.post(SESSION, json=ALICE)).status_code == 200
        assert error_of(await thief.get(SESSION)) == (401, "session_ended")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tier": "gold"}, "tier"),
        ({"roles": ["x" * 5000]}, "roles"),
        ({"organisationRole": "admin"}, "organisationRole"),
        ({"organisationRole": "x" * 20}, "organisationRole"),
    ],
)
async def test_what_an_invitation_cannot_give_is_said(world: World, body: dict[str, object], param: str) -> None:
    key = await admin_of(world)
    async with world.client(key) as admin:
        answer = await admin.post(INVITATIONS, json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert len(answer.text) < 500
    assert not said(world, OneTimeLinkMade)


async def test_there_are_so_many_links_at_most_and_every_good_one_is_listed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (invitation_routes, queries):
        monkeypatch.setattr(module, "MAX_LINKS", 2)
    key = await admin_of(world)
    first = await made(world, key, {"name": "first"})
    async with world.client(key) as admin:
        for _ in range(3):
            other = await made(world, key, {})
            assert (await admin.delete(f"{INVITATIONS}/{other['id']}")).status_code == 204
        await made(world, key, {"name": "second"})
        assert error_of(await admin.post(INVITATIONS, json={})) == (409, "too_many_links")
        listed = (await admin.get(INVITATIONS)).json()["data"]
        assert [row["name"] for row in listed] == ["second", "first"]
        assert (await admin.delete(f"{INVITATIONS}/{first['id']}")).status_code == 204
        assert (await admin.post(INVITATIONS, json={})).status_code == 201


async def admin_of(world: World) -> str:
    """The key of an administrator."""
    key = world.add_key("root", "r")
    user_id = ids.user_id("root")
    event = UserChanged(envelope=envelope("root"), user_id=user_id, roles=("admin",))
    world.log.append(ACCOUNT_EVENTS, user_id, event)
    return key


async def made(world: World, key: str, body: dict[str, object]) -> dict[str, str]:
    async with world.client(key) as admin:
        answer = await admin.post(INVITATIONS, json=body)
        assert answer.status_code == 201, answer.text
        link: dict[str, str] = answer.json()
        return link


async def test_an_invitation_makes_one_user_as_it_says(world: World) -> None:
    organisation = ids.organisation_id("acme")
    event = OrganisationCreated(envelope=envelope("acme"), organisation_id=organisation, name="acme")
    world.log.append(ACCOUNT_EVENTS, organisation, event)
    key = await admin_of(world)
    link = await made(
        world, key, {"roles": ["reviewer", "member"], "tier": "unlimited", "organisationId": organisation}
    )
    assert link["address"] == f"http://verbatim/signin#invitation={link['link']}"
    assert link["link"] not in repr(world.log.all_of(ACCOUNT_EVENTS)), "only its hash is kept"
    async with browser(world) as page, browser(world) as second:
        looked = await page.post(SESSION + "/link", json={"link": link["link"]})
        assert looked.json()["kind"] == "invitation"
        answer = await page.post(SESSION + "/sign-up", json={**ALICE, "invitation": link["link"]})
        assert answer.status_code == 200, answer.text
        again = await second.post(SESSION + "/sign-up", json={**ALICE, "name": "bob", "invitation": link["link"]})
        assert error_of(again) == (410, "link_used")
        assert error_of(await second.post(SESSION + "/link", json={"link": link["link"]})) == (410, "link_used")
    (joined,) = said(world, MembershipChanged)
    assert (joined.user_id, joined.organisation_id, joined.role) == (ids.user_id("alice"), organisation, "member")
    changed = said(world, UserChanged)[-1]
    assert (changed.user_id, changed.roles, changed.tier) == (ids.user_id("alice"), ("member", "reviewer"), "unlimited")
    async with world.client(key) as admin:
        (row,) = (await admin.get(INVITATIONS)).json()["data"]
        assert (row["state"], row["kind"]) == ("used", "invitation")


async def test_an_invitation_for_a_name_is_for_no_other(world: World) -> None:
    link = await made(world, await admin_of(world), {"name": "alice"})
    async with browser(world) as page:
        other = await page.post(SESSION + "/sign-up", json={**ALICE, "name": "bob", "invitation": link["link"]})
        assert error_of(other) == (400, "other_name")
        assert (await page.post(SESSION + "/sign-up", json={**ALICE, "invitation": link["link"]})).status_code == 200


async def test_a_link_that_is_good_no_more_says_why(world: World) -> None:
    key = await admin_of(world)
    taken_back = await made(world, key, {})
    async with world.client(key) as admin:
        assert (await admin.delete(f"{INVITATIONS}/{taken_back['id']}")).status_code == 204
        assert (await admin.delete(f"{INVITATIONS}/{ids.user_id('x')}")).status_code == 404
        assert error_of(await admin.post(INVITATIONS, json={"roles": ["owner"]})) == (400, "invalid_value")
        assert (await admin.post(INVITATIONS, json={"days": 0})).status_code == 400
    old = await made(world, key, {})
    (event,) = [made for made in said(world, OneTimeLinkMade) if made.link_id == old["id"]]
    async with browser(world) as page:
        for text, expected in (
            (taken_back["link"], (410, "link_revoked")),
            ("vl_" + "x" * 43, (404, "link_unknown")),
            ("anything", (404, "link_unknown")),
        ):
            assert error_of(await page.post(SESSION + "/link", json={"link": text})) == expected
            tried = await page.post(SESSION + "/sign-up", json={**ALICE, "invitation": text})
            assert error_of(tried) == expected
    assert event.expires_at_us - event.envelope.occurred_at_us == 7 * DAY_US
    assert event.expires_at_us > now_us()


async def test_a_reset_is_for_one_password_and_puts_everybody_out(world: World) -> None:
    user_id = await add_person(world, "alice")
    key = await admin_of(world)
    async with world.client(key) as admin:
        link = (await admin.post(f"/api/v1/admin/users/{user_id}/reset")).json()["link"]
        assert (await admin.post(f"/api/v1/admin/users/{ids.user_id('nobody')}/reset")).status_code == 404
    async with browser(world) as thief, browser(world) as page:
        await thief.post(SESSION, json=ALICE)
        assert (await page.post(SESSION + "/link", json={"link": link})).json()["name"] == "alice"
        weak = await page.post(SESSION + "/reset", json={"link": link, "password": "short"})
        assert error_of(weak) == (400, "weak_password"), "and the link is as good as before"
        answer = await page.post(SESSION + "/reset", json={"link": link, "password": "another good password"})
        assert answer.status_code == 200, answer.text
        assert error_of(await thief.get(SESSION)) == (401, "session_ended")
        assert (await page.get(SESSION)).json()["userId"] == user_id
        again = await thief.post(SESSION + "/reset", json={"link": link, "password": "mine from now on!"})
        assert error_of(again) == (410, "link_used")
        wrong_kind = await thief.post(SESSION + "/sign-up", json={**ALICE, "name": "b", "invitation": link})
        assert error_of(wrong_kind) == (404, "link_unknown")


@pytest.mark.parametrize("path", ["", "/sign-up", "/reset", "/link"])
async def test_no_other_site_signs_anybody_in(world: World, path: str) -> None:
    async with browser(world) as page:
        answer = await page.post(SESSION + path, json={}, headers={"Sec-Fetch-Site": "cross-site"})
        assert error_of(answer) == (403, "csrf")


async def test_until_the_upgrade_is_finished_there_are_no_passwords(world: World) -> None:
    await add_person(world, "alice")
    set_write_level(5)
    async with browser(world) as page:
        answer: httpx.Response = await page.post(SESSION, json=ALICE)
        assert error_of(answer) == (400, "unsupported_parameter")
