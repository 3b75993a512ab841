"""Users, organisations and keys of others, over HTTP: seen by those who may see them, and changes count at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.access import new_keys
from schemas import ids
from schemas.account import ApiKeyCreated, UserCreated
from schemas.conversation import PromptSubmitted
from schemas.envelope import Envelope
from tests.unit.api.memory_log import AT
from tests.unit.api.world import World
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS

USERS, ORGANISATIONS, KEYS = "/api/v1/admin/users", "/api/v1/admin/organisations", "/api/v1/admin/keys"
ALICE = ids.user_id("alice")
SAY = {"content": "hi"}


@pytest.fixture
async def admin(world: World) -> AsyncIterator[httpx.AsyncClient]:
    for name in ("admin", "alice", "bob"):
        user = ids.user_id(name)
        envelope = Envelope(ids.event_id(user, "UserCreated"), AT, None, "r", "system:cli")
        world.log.append(ACCOUNT_EVENTS, user, UserCreated(envelope, user, name))
    async with world.client(world.add_key("admin", "c")) as client:
        yield client


def code_of(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error"]["code"]


async def made(answer: httpx.Response, status: int = 201) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_users_are_made_listed_by_pages_and_changed(admin: httpx.AsyncClient) -> None:
    dora = await made(await admin.post(USERS, json={"name": "dora", "email": "d@x", "roles": ["auditor"], "tier": ""}))
    assert (dora["name"], dora["email"], dora["roles"], dora["tier"]) == ("dora", "d@x", ["auditor"], "default")
    assert code_of(await admin.post(USERS, json={"name": "dora"})) == (409, "already_exists")
    names: list[str] = []
    cursor = None
    for _ in range(10):
        page = (await admin.get(USERS, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        names += [user["name"] for user in page["data"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert sorted(names) == ["admin", "alice", "bob", "dora"]
    changed = await made(await admin.patch(f"{USERS}/{dora['id']}", json={"suspended": True, "name": "Dora"}), 200)
    assert (changed["suspended"], changed["name"], changed["roles"]) == (True, "Dora", ["auditor"])
    assert (await admin.get(f"{USERS}/{dora['id']}")).json() == changed


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"roles": ["king"]}, "'king' is not a role. Roles: admin, auditor, member, reviewer."),
        ({"tier": "gold"}, "'gold' is not a tier. Tiers: "),
        ({"roles": []}, "roles"),
        ({}, "Send at least one of"),
        ({"suspended": "perhaps"}, "suspended"),
        ({"admin": True}, "admin"),
    ],
)
async def test_what_is_wrong_is_said(admin: httpx.AsyncClient, body: dict[str, Any], says: str) -> None:
    answer = await admin.patch(f"{USERS}/{ALICE}", json=body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]


async def test_unknown_words_are_refused_wherever_one_is_given(world: World, admin: httpx.AsyncClient) -> None:
    guild = (await made(await admin.post(ORGANISATIONS, json={"name": "Guild"})))["id"]
    told = len(world.log.all_of(ACCOUNT_EVENTS))
    organisations, invitations = ORGANISATIONS, "/api/v1/admin/invitations"
    role, tier = {"role": "king"}, {"tier": "gold"}
    for answer, says in (
        (await admin.post(USERS, json={"name": "dora", "roles": ["king"]}), "Roles: admin, auditor, member, reviewer."),
        (await admin.put(f"{organisations}/{guild}/members/{ALICE}", json=role), "Roles: admin, auditor"),
        (await admin.post(invitations, json={"roles": ["king"]}), "Roles: admin, auditor"),
        (
            await admin.post(invitations, json={"organisationId": guild, "organisationRole": "king"}),
            "Roles: admin, auditor",
        ),
        (await admin.post(USERS, json={"name": "dora", **tier}), "Tiers: default, unlimited"),
        (await admin.post(organisations, json={"name": "Other", **tier}), "Tiers: default, unlimited"),
        (await admin.patch(f"{organisations}/{guild}", json=tier), "Tiers: default, unlimited"),
        (await admin.post(invitations, json=tier), "Tiers: default, unlimited"),
    ):
        assert answer.status_code == 400, answer.request.url
        assert says in answer.json()["error"]["message"]
    assert len(world.log.all_of(ACCOUNT_EVENTS)) == told, "nothing was written"


async def test_an_address_holds_no_control_characters(admin: httpx.AsyncClient) -> None:
    for email in ("a\x1b[31m@x", "a\n@x", "a b@x"):
        assert (await admin.post(USERS, json={"name": "dora", "email": email})).status_code == 400
        assert (await admin.patch(f"{USERS}/{ALICE}", json={"email": email})).status_code == 400


async def test_nobody_locks_themselves_out(admin: httpx.AsyncClient) -> None:
    me = ids.user_id("admin")
    for body in ({"suspended": True}, {"roles": ["member"]}):
        assert (await admin.patch(f"{USERS}/{me}", json=body)).status_code == 400


async def test_a_suspended_user_is_refused_everywhere_until_restored(
    world: World, admin: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    assert (await alice.get("/v1/models")).status_code == 200
    await made(await admin.patch(f"{USERS}/{ALICE}", json={"suspended": True}), 200)
    for path in ("/v1/models", "/api/v1/session", "/api/v1/keys"):
        assert code_of(await alice.get(path)) == (403, "account_suspended")
    signed = await alice.post("/api/v1/session", json={"key": "vk_" + "a" * 43}, headers={"X-Verbatim-CSRF": "1"})
    assert code_of(signed) == (403, "account_suspended")
    await made(await admin.patch(f"{USERS}/{ALICE}", json={"suspended": False}), 200)
    assert (await alice.get("/v1/models")).status_code == 200


async def test_roles_give_and_take_what_they_allow(admin: httpx.AsyncClient, alice: httpx.AsyncClient) -> None:
    assert code_of(await alice.get(USERS)) == (404, "not_found")
    await made(await admin.patch(f"{USERS}/{ALICE}", json={"roles": ["auditor"]}), 200)
    assert (await alice.get(USERS)).status_code == 200
    assert code_of(await alice.patch(f"{USERS}/{ALICE}", json={"tier": "unlimited"})) == (404, "not_found")
    assert code_of(await alice.post("/api/v1/conversations", json={})) == (404, "not_found"), "auditors do not ask"
    await made(await admin.patch(f"{USERS}/{ALICE}", json={"roles": ["member"]}), 200)
    assert code_of(await alice.get(USERS)) == (404, "not_found")


async def test_an_organisation_takes_a_user_and_pays_for_what_they_ask_from_then_on(
    world: World, admin: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    guild = await made(await admin.post(ORGANISATIONS, json={"name": "Guild", "tier": "unlimited"}))
    assert code_of(await admin.post(ORGANISATIONS, json={"name": "Guild"})) == (409, "already_exists")
    chat = (await alice.post("/api/v1/conversations", json={})).json()["id"]
    await alice.post(f"/api/v1/conversations/{chat}/messages", json=SAY)
    member = f"{ORGANISATIONS}/{guild['id']}/members/{ALICE}"
    await made(await admin.put(member, json={"role": "auditor"}), 200)
    await alice.post(f"/api/v1/conversations/{chat}/messages", json=SAY)
    assert (await alice.get("/api/v1/session")).json()["organisation"]["name"] == "Guild"
    listed = (await admin.get(f"{ORGANISATIONS}/{guild['id']}/members")).json()["data"]
    assert listed == [{"userId": ALICE, "userName": "alice", "role": "auditor"}]
    assert (await admin.delete(member)).status_code == 204
    assert (await admin.delete(member)).status_code == 404
    await alice.post(f"/api/v1/conversations/{chat}/messages", json=SAY)
    asked = [event for event, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(event, PromptSubmitted)]
    key_id = ids.user_id("key of alice a")
    assert [(one.account, one.organisation_id, one.tier, one.key_id) for one in asked] == [
        (ALICE, "", "default", key_id),
        (guild["id"], guild["id"], "unlimited", key_id),
        (ALICE, "", "default", key_id),
    ]


async def test_an_organisations_administrator_sees_and_manages_its_members_alone(
    admin: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    guild, other = [await made(await admin.post(ORGANISATIONS, json={"name": name})) for name in ("Guild", "Other")]
    bob = ids.user_id("bob")
    await made(await admin.put(f"{ORGANISATIONS}/{guild['id']}/members/{ALICE}", json={"role": "admin"}), 200)
    assert [one["id"] for one in (await alice.get(ORGANISATIONS)).json()["data"]] == [guild["id"]]
    assert (await alice.get(f"{ORGANISATIONS}/{guild['id']}/members")).status_code == 200
    assert (await alice.get(f"{ORGANISATIONS}/{other['id']}/members")).status_code == 404
    bobs = f"{ORGANISATIONS}/{guild['id']}/members/{bob}"
    assert (await alice.put(bobs, json={})).status_code == 404, "who is no member is not theirs to take"
    await made(await admin.put(bobs, json={}), 200)
    await made(await alice.put(bobs, json={"role": "auditor"}), 200)
    assert (await alice.delete(bobs)).status_code == 204
    assert (await alice.patch(f"{ORGANISATIONS}/{guild['id']}", json={"tier": "unlimited"})).status_code == 404
    assert (await alice.get(USERS)).status_code == 404


async def test_an_organisations_administrator_takes_nobody_from_another(
    admin: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    guild, other = [await made(await admin.post(ORGANISATIONS, json={"name": name})) for name in ("Guild", "Other")]
    bob = ids.user_id("bob")
    await made(await admin.put(f"{ORGANISATIONS}/{guild['id']}/members/{ALICE}", json={"role": "admin"}), 200)
    for one in (guild, other):
        await made(await admin.put(f"{ORGANISATIONS}/{one['id']}/members/{bob}", json={}), 200)
    bobs = f"{ORGANISATIONS}/{guild['id']}/members/{bob}"
    assert code_of(await alice.put(bobs, json={"role": "auditor"})) == (409, "paid_by_another")
    assert (await admin.get(f"{USERS}/{bob}")).json()["account"] == other["id"]
    await made(await admin.put(bobs, json={"role": "auditor"}), 200)
    assert (await admin.get(f"{USERS}/{bob}")).json()["account"] == guild["id"]


async def test_keys_of_others_are_made_limited_and_revoked(world: World, admin: httpx.AsyncClient) -> None:
    key = await made(await admin.post(KEYS, json={"user_id": ALICE, "scopes": ["chat"], "label": "ci"}))
    async with world.client(key["key"]) as theirs:
        assert (await theirs.get("/api/v1/session")).json()["userId"] == ALICE
        where = {"user_id": ALICE}
        limits = {"requests_per_minute": 1000}
        patched = await admin.patch(f"{KEYS}/{key['id']}", params=where, json={"limits": limits})
        assert (await made(patched, 200))["limits"]["requestsPerMinute"] == 1000
        (listed,) = (await admin.get(KEYS, params=where)).json()["data"]
        assert (listed["limits"]["requestsPerMinute"], listed["scopes"]) == (1000, ["chat"])
        assert listed["lastUsedAt"] is not None
        assert key["key"] not in str(listed)
        assert (await admin.delete(f"{KEYS}/{key['id']}", params=where)).status_code == 204
        assert (await theirs.get("/api/v1/session")).status_code == 401


async def test_a_key_is_for_its_scopes_alone(world: World, alice: httpx.AsyncClient) -> None:
    chat = (await alice.post("/api/v1/conversations", json={})).json()["id"]
    key = await made(await alice.post("/api/v1/keys", json={"scopes": ["chat"], "label": "bot"}))
    assert (key["scopes"], key["expiresAt"]) == (["chat"], None)
    async with world.client(key["key"]) as bot:
        assert (await bot.post(f"/api/v1/conversations/{chat}/messages", json=SAY)).status_code == 200
        assert (await bot.get("/v1/models")).status_code == 200
        for method, path in (
            ("GET", "/api/v1/conversations"),
            ("DELETE", f"/api/v1/conversations/{chat}"),
            ("GET", "/api/v1/keys"),
            ("GET", "/api/v1/usage/daily"),
        ):
            assert code_of(await bot.request(method, path)) == (403, "insufficient_permissions"), path
        assert code_of(await bot.get("/api/v1/pulse")) == (404, "not_found"), "its user may not either"


async def test_a_key_cannot_make_a_key_that_may_more(world: World, alice: httpx.AsyncClient) -> None:
    expires = "2900-01-01T00:00:00Z"
    assert (await alice.post("/api/v1/keys", json={"expires_at": expires})).status_code == 400
    key = await made(await alice.post("/api/v1/keys", json={"scopes": ["keys", "read"]}))
    async with world.client(key["key"]) as some:
        child = await made(await some.post("/api/v1/keys", json={}))
        assert child["scopes"] == ["keys", "read"]
        refused = await some.post("/api/v1/keys", json={"scopes": ["chat"]})
        assert code_of(refused) == (403, "insufficient_permissions")


async def test_a_key_with_limits_makes_none_that_has_them_anew(world: World, alice: httpx.AsyncClient) -> None:
    key = await made(await alice.post("/api/v1/keys", json={"limits": {"requests_per_minute": 9, "models": ["a"]}}))
    async with world.client(key["key"]) as limited:
        for body in ({}, {"limits": {"requests_per_minute": 9, "models": ["a"]}}):
            assert code_of(await limited.post("/api/v1/keys", json=body)) == (403, "insufficient_permissions")
    key = await made(await alice.post("/api/v1/keys", json={"limits": {"models": ["a"]}}))
    async with world.client(key["key"]) as limited:
        child = await made(await limited.post("/api/v1/keys", json={"limits": {"requests_per_minute": 9}}))
        assert (child["limits"]["models"], child["limits"]["requestsPerMinute"]) == (["a"], 9)
        more = await limited.post("/api/v1/keys", json={"limits": {"models": ["a", "b"]}})
        assert code_of(more) == (403, "insufficient_permissions")


async def test_a_key_for_an_organisation_makes_none_that_another_pays_for(
    world: World, admin: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    acme, guild = [await made(await admin.post(ORGANISATIONS, json={"name": name})) for name in ("acme", "guild")]
    for one in (acme, guild):
        await made(await admin.put(f"{ORGANISATIONS}/{one['id']}/members/{ALICE}", json={}), 200)
    key = await made(await alice.post("/api/v1/keys", json={"organisation_id": acme["id"]}))
    async with world.client(key["key"]) as bound:
        child = await made(await bound.post("/api/v1/keys", json={}))
        assert child["organisationId"] == acme["id"]
        other = await bound.post("/api/v1/keys", json={"organisation_id": guild["id"]})
        assert code_of(other) == (403, "insufficient_permissions")
        password = await bound.post("/api/v1/session/password", json={"password": "long enough to be one"})
        assert code_of(password) == (403, "insufficient_permissions"), "by a session another pays"


async def test_a_key_with_a_budget_opens_nothing_that_has_none(
    world: World, admin: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    key = await made(await alice.post("/api/v1/keys", json={}))
    budget = {"account": ALICE, "scope": "key", "subject": key["id"], "limit": 5}
    assert (await admin.put("/api/v1/admin/budgets", json=budget)).status_code == 200
    async with world.client(key["key"]) as bound:
        assert code_of(await bound.post("/api/v1/keys", json={})) == (403, "insufficient_permissions")
        password = await bound.post("/api/v1/session/password", json={"password": "long enough to be one"})
        assert code_of(password) == (403, "insufficient_permissions")
    await made(await alice.post("/api/v1/keys", json={}))


async def test_a_user_has_so_many_keys_at_most(
    admin: httpx.AsyncClient, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_keys, "MAX_KEYS", 2)  # one is there
    one = await made(await alice.post("/api/v1/keys", json={}))
    assert code_of(await alice.post("/api/v1/keys", json={})) == (409, "too_many_keys")
    assert code_of(await admin.post(KEYS, json={"user_id": ALICE})) == (409, "too_many_keys")
    assert (await alice.delete(f"/api/v1/keys/{one['id']}")).status_code == 204
    await made(await alice.post("/api/v1/keys", json={}))
    monkeypatch.setattr(new_keys, "MAX_KEYS", 9)
    monkeypatch.setattr(new_keys, "MAX_KEYS_EVER", 3)
    answer = await alice.post("/api/v1/keys", json={})
    assert code_of(answer) == (409, "too_many_keys")
    assert "revoked ones among them" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"scopes": ["root"]}, "'root' is not a scope. Scopes: admin, chat, keys, read, usage, write."),
        ({"scopes": []}, "scopes"),
        ({"expires_at": "tomorrow"}, "2027-01-31T12:00:00Z"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "it is past"),
        ({"expires_at": "2030-01-01T00:00:00"}, "with its offset"),
        ({"expires_at": "0001-01-01T00:00:00+14:00"}, "it is past"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "ten years off"),
        ({"limits": {"models": ["m" * 201]}}, "models"),
        ({"limits": {"requests_per_minute": 2**63}}, "requests_per_minute"),
        ({"limits": {"requests_per_minute": 1.5}}, "requests_per_minute"),
        ({"limits": {"requests_per_minute": True}}, "requests_per_minute"),
        ({"limits": {"requests_per_minute": 0}}, "requests_per_minute"),
        ({"limits": {"requests_per_minute": -5}}, "requests_per_minute"),
        ({"organisation_id": "x"}, "not a member"),
    ],
)
async def test_what_is_wrong_with_a_key_is_said(alice: httpx.AsyncClient, body: dict[str, Any], says: str) -> None:
    answer = await alice.post("/api/v1/keys", json=body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]


async def test_an_expired_key_opens_nothing(world: World) -> None:
    key = world.add_key("alice", "a")
    created = next(event for event, _ in world.log.all_of(ACCOUNT_EVENTS) if isinstance(event, ApiKeyCreated))
    old = ApiKeyCreated(
        envelope=created.envelope,
        user_id=created.user_id,
        key_id=created.key_id,
        key_sha256=created.key_sha256,
        label="",
        hint="aaaa",
        expires_at_us=AT,
    )
    world.log.append(ACCOUNT_EVENTS, created.user_id, old)
    async with world.client(key) as client:
        assert code_of(await client.get("/v1/models")) == (401, "key_expired")


async def test_a_key_is_of_somebody(admin: httpx.AsyncClient) -> None:
    for user_id, status in (("", 400), ("nobody", 404)):
        assert (await admin.post(KEYS, json={"user_id": user_id})).status_code == status


async def test_nothing_is_missing_and_nothing_is_new_while_the_rows_are_behind(
    world: World, admin: httpx.AsyncClient
) -> None:
    dora = await made(await admin.post(USERS, json={"name": "dora"}))
    there = len(world.log.all_of(ACCOUNT_EVENTS))
    world.reads.caught_up = False
    nobody, none = ids.user_id("nobody"), ids.organisation_id("none")
    for answer in (
        await admin.post(USERS, json={"name": "emma"}),
        await admin.get(f"{USERS}/{nobody}"),
        await admin.patch(f"{USERS}/{nobody}", json={"suspended": True}),
        await admin.post(f"{USERS}/{nobody}/reset"),
        await admin.post(ORGANISATIONS, json={"name": "none"}),
        await admin.patch(f"{ORGANISATIONS}/{none}", json={"name": "Some"}),
        await admin.put(f"{ORGANISATIONS}/{none}/members/{dora['id']}"),
        await admin.post(KEYS, json={"userId": nobody}),
        await admin.delete(f"{KEYS}/{nobody}", params={"user_id": dora["id"]}),
        await admin.post("/api/v1/admin/invitations", json={"organisationId": none}),
    ):
        assert code_of(answer) == (503, "projections_behind"), answer.request.url
    assert len(world.log.all_of(ACCOUNT_EVENTS)) == there
    world.reads.caught_up = True
    assert code_of(await admin.get(f"{USERS}/{nobody}")) == (404, "not_found")
