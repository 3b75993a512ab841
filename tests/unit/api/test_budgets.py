"""Budgets over the API: who may set them, what is shown, and what a spent one refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from schemas import ids
from schemas.admission import LeaseRequested, LeaseSettled
from schemas.conversation import PromptSubmitted
from schemas.envelope import Envelope, Position
from schemas.generation import Failure, GenerationEnded
from schemas.identity import OrganisationCreated
from schemas.price import Usage
from schemas.turns import turn_of
from tests.eventually import eventually
from tests.unit.api.signin.people import add_user
from tests.unit.api.world import World
from topics.catalogue import ACCOUNT_EVENTS, ADMISSIONS, CONVERSATION_EVENTS, TOKEN_CHUNKS

BUDGETS = "/api/v1/admin/budgets"
ALICE = ids.user_id("alice")
CHAT = {"model": "verbatim-local", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
async def admin(world: World) -> AsyncIterator[httpx.AsyncClient]:
    add_user(world, "alice")
    async with world.client(world.add_key("admin", "c")) as client:
        yield client


async def test_a_budget_is_set_shown_and_removed(admin: httpx.AsyncClient, alice: httpx.AsyncClient) -> None:
    set_ = await admin.put(BUDGETS, json={"account": ALICE, "limit": 500})
    assert set_.status_code == 200
    shown = set_.json()
    assert (shown["limit"], shown["unit"], shown["period"], shown["left"]) == (500, "tokens", "month", 500)
    assert (await admin.get(BUDGETS)).json()["budgets"] == [shown]
    assert (await alice.get("/api/v1/budgets")).json()["budgets"] == [shown]
    assert (await alice.get(BUDGETS)).status_code == 404
    assert (await alice.put(BUDGETS, json={"account": ALICE, "limit": 5})).status_code == 404
    assert (await admin.request("DELETE", BUDGETS, json={"account": ALICE})).status_code == 204
    assert (await admin.request("DELETE", BUDGETS, json={"account": ALICE})).status_code == 404
    assert (await alice.get("/api/v1/budgets")).json()["budgets"] == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"account": "a"}, "limit"),
        ({"account": "a", "limit": -1}, "limit"),
        ({"account": "a", "limit": 2**53}, "limit"),
        ({"account": "a", "limit": 1, "unit": "dollars"}, "unit"),
        ({"account": "a", "limit": 1, "period": "year"}, "period"),
        ({"account": "a", "limit": 1, "scope": "user"}, "subject"),
        ({"account": "a", "limit": 1, "subject": "x"}, "subject"),
        ({"account": "", "limit": 1}, "account"),
    ],
)
async def test_what_is_not_a_budget_is_refused(admin: httpx.AsyncClient, body: dict[str, object], param: str) -> None:
    refused = await admin.put(BUDGETS, json=body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


async def test_a_budget_of_nobody_is_refused(world: World, admin: httpx.AsyncClient) -> None:
    """Who takes a name for an id would believe that it is limited."""
    for body, param in (
        ({"account": "alice"}, "account"),
        ({"account": ids.user_id("nobody")}, "account"),
        ({"account": ALICE, "scope": "user", "subject": "alice"}, "subject"),
        ({"account": ALICE, "scope": "user", "subject": ids.organisation_id("guild")}, "subject"),
    ):
        refused = await admin.put(BUDGETS, json={"limit": 10, **body})
        assert (refused.status_code, refused.json()["error"]["param"]) == (404, param)
    assert not world.log.all_of(ADMISSIONS)
    guild = ids.organisation_id("guild")
    born = Envelope("o", 1, None, "r", "system:test")
    world.log.append(ACCOUNT_EVENTS, guild, OrganisationCreated(envelope=born, organisation_id=guild, name="guild"))
    for body in ({"account": guild}, {"account": guild, "scope": "user", "subject": ALICE}):
        assert (await admin.put(BUDGETS, json={"limit": 10, **body})).status_code == 200


async def test_budgets_that_contradict_each_other_are_refused(admin: httpx.AsyncClient) -> None:
    assert (await admin.put(BUDGETS, json={"account": ALICE, "limit": 10})).status_code == 200
    for body in ({"unit": "USD"}, {"hard": False, "limit": 11}):
        refused = await admin.put(BUDGETS, json={"account": ALICE, "limit": 10, **body})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "overlapping_budgets")


async def test_a_spent_budget_refuses_on_every_surface_and_records_nothing(
    world: World, admin: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    conversation = (await alice.post("/api/v1/conversations", json={})).json()["id"]
    await admin.put(BUDGETS, json={"account": ALICE, "limit": 0})
    for path, body in (
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", CHAT | {"stream": True}),
        ("/v1/completions", {"model": "verbatim-local", "prompt": "hi"}),
        ("/v1/responses", {"model": "verbatim-local", "input": "hi"}),
        ("/v1/responses", {"model": "verbatim-local", "input": "hi", "stream": True}),
        (f"/api/v1/conversations/{conversation}/messages", {"content": "hi"}),
    ):
        refused = await alice.post(path, json=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota"), path
        assert refused.json()["error"]["type"] == "insufficient_quota"
        assert refused.headers["x-should-retry"] == "false"
        assert "retry-after" not in refused.headers
    assert not [event for event, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(event, PromptSubmitted)]


async def test_the_head_waits_for_a_denial_in_the_log() -> None:
    """Known to be affordable here, and spent by another by the time its request is in the log."""
    world = World(script=None)
    add_user(world, "alice")
    async with (
        world.client(world.add_key("admin", "c")) as admin,
        world.client(world.add_key("alice", "a")) as alice,
        asyncio.TaskGroup() as tasks,
    ):
        await admin.put(BUDGETS, json={"account": ALICE, "limit": 1000})
        asking = tasks.create_task(alice.post("/v1/chat/completions", json=CHAT | {"stream": True}))

        def asked() -> tuple[PromptSubmitted, Position]:
            return next(
                (event, at) for event, at in world.log.all_of(CONVERSATION_EVENTS) if isinstance(event, PromptSubmitted)
            )

        command, at = await eventually(asked)
        price, nothing = command.price, Envelope("e", command.envelope.occurred_at_us, None, "c", "test")
        assert price is not None
        common = {"account": ALICE, "user_id": ALICE, "key_id": "", "price": price}
        other = LeaseSettled(
            envelope=nothing,
            generation_id="other",
            usage=Usage(0, 1000),
            outcome=at,
            **common,  # type: ignore[arg-type]  # a dict of several types
        )
        world.log.append(ADMISSIONS, ALICE, other)
        assert not asking.done()
        world.log.append(
            ADMISSIONS,
            ALICE,
            LeaseRequested(
                envelope=nothing,
                generation_id=command.generation_id,
                model=command.model,
                prompt_tokens=1,
                tokens=8,
                **common,  # type: ignore[arg-type]  # a dict of several types
            ),
        )
        async with asyncio.timeout(20):
            refused = await asking
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
        assert ids.generation_id(command.message_id) == command.generation_id
        turn = turn_of(command, at, price)
        end = GenerationEnded(nothing, turn, "failed", None, Failure("insufficient_quota", "spent", False))
        world.log.append(TOKEN_CHUNKS, turn.conversation_id, end)
